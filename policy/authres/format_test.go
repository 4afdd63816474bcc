package authres

import (
	"regexp"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/authres"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const crlft = "\r\n\t"

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, id string
		methods  []Method
		want     string
	}{
		{"2.2 no result", "mx.example.org", nil, " mx.example.org; none"},
		{"2.2 empty id", "", nil, " localhost; none"},
		{"2.2 quoted id", "mail relay", nil, ` "mail relay"; none`},
		{"2.2 id in U-labels", "mx.Bücher.example", nil, " mx.xn--bcher-kva.example; none"},
		{"2.2 id that tries to end", "a\"; dkim=pass\r\nX: y", nil, ` "a\"; dkim_pass  X: y"; none`},
		{"2.2 no result, folded", strings.Repeat("0", 49), nil, " " + strings.Repeat("0", 49) + ";" + crlft + "none"},
		{"2.2 keywords with hyphens", "mx", []Method{{Name: "-a", Result: "pass", Properties: []Property{{"x", "-0", "1"}, {"x", "a-", "2"}}}}, " mx;" + crlft + "-a=pass x.-0=1"},
		{"2.7 results in a row", "mx.example.org", []Method{
			{Name: "dkim", Result: "pass", Properties: []Property{
				{"header", "d", "example.org"}, {"header", "s", "sel"}, {"header", "a", "rsa-sha256"}, {"header", "b", "Ab3+xyz"},
			}},
			{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "mailfrom", "joe@example.org"}}},
		}, " mx.example.org;" +
			crlft + "dkim=pass header.a=rsa-sha256 header.b=Ab3+xyz header.d=example.org" + crlft + "header.s=sel;" +
			crlft + "spf=pass smtp.mailfrom=joe@example.org"},
		{"2.2 header.b needs quotes for / and =", "mx", []Method{{Name: "dkim", Result: "pass", Properties: []Property{
			{"header", "b", "ab/c+d=="},
		}}}, " mx;" + crlft + `dkim=pass header.b="ab/c+d=="`},
		{
			"2.2 reason", "mx",
			[]Method{{Name: "dkim", Result: "fail", Reason: "body hash did not verify"}},
			" mx;" + crlft + `dkim=fail reason="body hash did not verify"`,
		},
		{
			"2.2 quotes and backslashes", "mx",
			[]Method{{Name: "spf", Result: "fail", Reason: `a\" b"`, Properties: []Property{
				{"smtp", "mailfrom", `"x\"; dkim=pass header.d=bank.example"@example.org`},
			}}},
			" mx;" + crlft + `spf=fail reason="a\\\" b\""` + crlft + `smtp.mailfrom="\"x\\\"; dkim_pass header.d_bank.example\"@example.org"`,
		},
		{
			"2.2 comments", "mx",
			[]Method{{Name: "spf", Result: "none", Properties: []Property{{"smtp", "helo", "a(b"}, {"smtp", "mailfrom", "a);x"}}}},
			" mx;" + crlft + `spf=none smtp.helo="a(b" smtp.mailfrom="a);x"`,
		},
		{
			"CR, LF, NUL and 8-bit", "mx",
			[]Method{{Name: "spf", Result: "none", Reason: "a\r\nInjected: b\x00\x7fü\xff", Properties: []Property{{"smtp", "helo", "\r\n"}}}},
			" mx;" + crlft + `spf=none reason="a  Injected: b????"`,
		},
		{
			"RFC 2047 in a value", "mx",
			[]Method{{Name: "spf", Result: "none", Properties: []Property{{"smtp", "helo", "=?utf-8?q?=22=3B?="}}}},
			" mx;" + crlft + `spf=none smtp.helo="=_utf-8?q?=22=3B?="`,
		},
		{
			"a cut value is no name", "mx",
			[]Method{{Name: "spf", Result: "none", Properties: []Property{{"smtp", "helo", strings.Repeat("a.", 122) + "bank.example.evil.example"}}}},
			" mx;" + crlft + "spf=none" + crlft + "smtp.helo=" + strings.Repeat("a.", 122) + "bank.exam...",
		},
		{
			"2.2 what is no keyword is left out", "mx",
			[]Method{
				{Name: "", Result: "pass"},
				{Name: "a;b", Result: "pass"},
				{Name: "spf", Result: "pass header.d=x"},
				{Name: "SPF", Result: "PASS", Properties: []Property{{"smtp", "mail from", "x"}, {"", "x", "y"}, {"smtp", "helo", ""}}},
			},
			" mx;" + crlft + "spf=pass",
		},
		{
			"a property twice", "mx",
			[]Method{{Name: "arc", Result: "pass", Properties: []Property{{"header", "d", "b"}, {"header", "d", "a"}}}},
			" mx;" + crlft + "arc=pass header.d=b header.d=a",
		},
		{
			"2.2 bounce address with =", "mx",
			[]Method{{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "mailfrom", "l+joe=example.net@example.org"}}}},
			" mx;" + crlft + `spf=pass smtp.mailfrom="l+joe=example.net@example.org"`,
		},
		{
			"3 address of the client", "mx",
			[]Method{{Name: "iprev", Result: "pass", Properties: []Property{{"policy", "iprev", "2001:db8::1"}}}},
			" mx;" + crlft + `iprev=pass policy.iprev="2001:db8::1"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Format(tt.id, tt.methods)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkFormat(t, tt.id, tt.methods)
		})
	}
}

// grammar is that of RFC 8601 section 2.2 without comments. A field that
// matches needs none of the exceptions that Parse makes for others.
var grammar = func() *regexp.Regexp {
	const (
		fws     = `(?: |\r\n\t)`
		keyword = `[a-z0-9-]*[a-z0-9]`                      // RFC 5321 section 4.1.2
		token   = `[!#$%&'*+.0-9A-Z^_` + "`" + `a-z{|}~-]+` // RFC 2045 section 5.1
		quoted  = `"(?:[^"\\]|\\.)*"`
		value   = `(?:` + token + `|` + quoted + `)`
		label   = `[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?`
		atom    = `[!#$%&'*+/0-9A-Z^_` + "`" + `a-z{|}~-]+` // RFC 5321 section 4.1.2, but for "=" and "?"
		address = `(?:` + atom + `(?:\.` + atom + `)*)?@` + label + `(?:\.` + label + `)*`
		result  = keyword + `=` + keyword + `(?:` + fws + `reason=` + value + `)?` +
			`(?:` + fws + keyword + `\.` + keyword + `=(?:` + value + `|` + address + `))*`
	)
	return regexp.MustCompile(`^ ` + value + `;(?:` + fws + `none|` + fws + result + `(?:;` + fws + result + `)*)$`)
}()

// checkFormat checks the properties that every output of Format must have.
func checkFormat(t *testing.T, id string, methods []Method) {
	t.Helper()
	out := Format(id, methods)
	if !isASCIIPrintable(strings.ReplaceAll(out, crlft, "")) {
		t.Fatalf("%q holds more than printable ASCII and folds", out)
	}
	for i, line := range strings.Split(FieldName+":"+out, "\r\n") {
		if len(line) > 998 || len(line) > foldAt && i > 0 && len(splitWords(line)) > 1 {
			t.Fatalf("line of %d octets: %q", len(line), line)
		}
		if strings.TrimSpace(line) == "" || strings.TrimRight(line, " \t") != line {
			t.Fatalf("blank at the end of %q", line)
		}
	}
	if !grammar.MatchString(out) {
		t.Fatalf("%q is not what RFC 8601 section 2.2 allows", out)
	}
	gotID, got, err := Parse(out)
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	want := safeMethods(methods)
	if len(out) > maxField {
		t.Fatalf("%d octets", len(out))
	}
	if len(out) > maxField/2 { // Format leaves out what does not fit
		want = want[:min(len(want), len(got))]
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || gotID != writtenID(id) {
		t.Fatalf("%q: id %q, (-want +got)\n%s", out, gotID, diff)
	}
}

func isASCIIPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func TestFormatBounds(t *testing.T) {
	t.Parallel()
	var many []Method
	for range 1000 {
		many = append(many, Method{Name: "dkim", Result: "fail"})
	}
	if _, got, err := Parse(Format("mx", many)); len(got) != maxMethods || err != nil {
		t.Errorf("%d results, %v", len(got), err)
	}
	hostile := Method{Name: "dkim", Result: "fail", Reason: strings.Repeat(`\"`, 5000)}
	for range 100 {
		hostile.Properties = append(hostile.Properties, Property{"header", strings.Repeat("x", maxKeyword), strings.Repeat(`"`, 999)})
	}
	for i := range many {
		many[i] = hostile
	}
	checkFormat(t, strings.Repeat(`"`, 1000), many)
	if out := Format("mx", many); len(out) < maxField/2 {
		t.Errorf("%d octets of the %d allowed", len(out), maxField)
	}
}

// TestParseLibrary checks that go-msgauth and we agree on fields without quotes
// and comments.
func TestParseLibrary(t *testing.T) {
	t.Parallel()
	for _, methods := range [][]Method{
		nil,
		{{Name: "x-a", Result: "pass", Reason: "good", Properties: []Property{{"header", "d", "example.org"}, {"smtp", "mailfrom", "joe@example.org"}}}},
		{{Name: "x-b", Result: "fail"}, {Name: "x-c", Result: "temperror", Properties: []Property{{"policy", "iprev", "192.0.2.1"}}}},
	} {
		text := Format("mx.example.org", methods)
		id, results, err := msgauth.Parse(text)
		if err != nil || id != "mx.example.org" || len(results) != len(methods) {
			t.Fatalf("%q: %q, %d results, %v", text, id, len(results), err)
		}
		for i, r := range results {
			want := map[string]string{}
			if methods[i].Reason != "" {
				want["reason"] = methods[i].Reason
			}
			for _, p := range methods[i].Properties {
				want[p.Type+"."+p.Name] = p.Value
			}
			g := r.(*msgauth.GenericResult)
			if diff := cmp.Diff(want, g.Params); diff != "" || g.Method != methods[i].Name || string(g.Value) != methods[i].Result {
				t.Errorf("%q: %+v\n%s", text, g, diff)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("mx.example.org", "dkim", "pass", "header", "b", "ab/c==", "")
	f.Add("mx\r\n", "s pf", "fail", "smtp", "mailfrom", `"x\";"@y`, "a\\\" (b); spf=pass")
	f.Add("ü.example", "spf", "", "", "", "\xff\x00", strings.Repeat("\\", 300))
	f.Add("0", "0", "0", "0", "-0", "0", "0")
	f.Add(strings.Repeat("0", 49), "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, id, name, result, ptype, property, value, reason string) {
		p := Property{ptype, property, value}
		checkFormat(t, id, []Method{
			{Name: name, Result: result, Reason: reason, Properties: []Property{p, {"smtp", "helo", reason}, {"header", "d", value}}},
			{Name: "spf", Result: "pass", Reason: value, Properties: []Property{{"smtp", "mailfrom", value}, {"header", "b", id}}},
		})
	})
}

func BenchmarkFormat(b *testing.B) {
	methods := []Method{
		{Name: "iprev", Result: "pass", Properties: []Property{{"policy", "iprev", "192.0.2.1"}}},
		{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "mailfrom", "joe@example.org"}}},
		{Name: "dkim", Result: "pass", Properties: []Property{
			{"header", "a", "rsa-sha256"}, {"header", "b", "Ab3/xyz="}, {"header", "d", "example.org"}, {"header", "s", "sel"},
		}},
		{Name: "dmarc", Result: "pass", Properties: []Property{{"header", "from", "example.org"}}},
	}
	b.ReportAllocs()
	for range b.N {
		Format("mx.example.org", methods)
	}
}
