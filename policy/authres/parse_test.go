package authres

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value, id string
		want            []Method
	}{
		{"B.1 none", " example.org 1; none", "example.org", nil},
		{
			"B.3 one result", " example.com;\r\n spf=pass smtp.mailfrom=example.net", "example.com",
			[]Method{{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "mailfrom", "example.net"}}}},
		},
		{
			"B.7 comments everywhere", " foo.example.net (foobar) 1 (baz);\r\n" +
				"  dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n" +
				"  policy (A dot can go here) . (like that) expired\r\n" +
				"  (this surprised me) = (as I wasn't expecting it) 1362471462", "foo.example.net",
			[]Method{{Name: "dkim", Result: "fail", Properties: []Property{{"policy", "expired", "1362471462"}}}},
		},
		{
			"2.2 quotes", ` "mx.example.org" ; dkim = pass reason = "a \"b\"; c\\" header . d = "ex;ample" header.b="a/b="`, "mx.example.org",
			[]Method{{Name: "dkim", Result: "pass", Reason: `a "b"; c\`, Properties: []Property{{"header", "d", "ex;ample"}, {"header", "b", "a/b="}}}},
		},
		{
			"2.2 case of keywords", "MX.example; DKIM=Pass Header.D=Example.org", "MX.example",
			[]Method{{Name: "dkim", Result: "pass", Properties: []Property{{"header", "d", "Example.org"}}}},
		},
		{"2.2 fold in quotes", "mx; spf=fail reason=\"a\r\n b\"", "mx", []Method{{Name: "spf", Result: "fail", Reason: "a b"}}},
		{
			"2.2 addresses", `mx; dkim=pass header.i=@example.org smtp.mailfrom=a+b@example.org smtp.rcptto="a b"@example.org`, "mx",
			[]Method{{Name: "dkim", Result: "pass", Properties: []Property{{"header", "i", "@example.org"}, {"smtp", "mailfrom", "a+b@example.org"}, {"smtp", "rcptto", `"a b"@example.org`}}}},
		},
		{"2.2 nested comments with quotes", `(a (b ")") "\)) mx(;); spf=pass (x=y; z) smtp.helo=a(b)`, "", nil},
		{
			"2.2 nested comments", `(a (b) \)) mx(;); spf=pass (x=y; z) smtp.helo=a(b)`, "mx",
			[]Method{{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "helo", "a"}}}},
		},
		{"2.6 another method version", "mx; dkim/2=pass; spf/1=fail", "mx", []Method{{Name: "spf", Result: "fail"}}},
		{
			"unquoted values", "mx; dkim=pass header.b=ab/c=; iprev=pass policy.iprev=2001:db8::1", "mx",
			[]Method{{Name: "dkim", Result: "pass", Properties: []Property{{"header", "b", "ab/c="}}}, {Name: "iprev", Result: "pass", Properties: []Property{{"policy", "iprev", "2001:db8::1"}}}},
		},
		{"semicolon at the end", "mx; spf=pass ; ", "mx", []Method{{Name: "spf", Result: "pass"}}},
		{"property without type", "mx; dmarc=pass action=none header.from=a.example", "mx", []Method{
			{Name: "dmarc", Result: "pass", Properties: []Property{{"header", "from", "a.example"}}},
		}},
		{"underscore", "mx; dkim=perm_fail", "mx", []Method{{Name: "dkim", Result: "perm_fail"}}},
		{
			"UTF-8", "mx.bücher.example; spf=pass smtp.mailfrom=jörg@bücher.example", "mx.bücher.example",
			[]Method{{Name: "spf", Result: "pass", Properties: []Property{{"smtp", "mailfrom", "jörg@bücher.example"}}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, got, err := Parse(tt.value)
			if tt.id == "" {
				if !errors.Is(err, ErrSyntax) {
					t.Errorf("%q: no error", tt.value)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" || id != tt.id || err != nil {
				t.Errorf("%q: id %q, %v, (-want +got)\n%s", tt.value, id, err, diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, id string }{
		{"2.2 empty", "", ""},
		{"2.2 only a comment", " (mx) ", ""},
		{"2.2 no authserv-id", " ; spf=pass", ""},
		{"2.2 no authserv-id, as some write", "spf=pass smtp.mailfrom=a; dkim=none", "spf"},
		{"2.2 empty quoted id", `""; none`, ""},
		{"2.2 nothing after the id", "mx", "mx"},
		{"2.2 only a semicolon", "mx;", "mx"},
		{"2.2 text after the id", "mx foo; none", "mx"},
		{"2.5 version", "mx 2; none", "mx"},
		{"2.2 version and text", "mx 1 x; none", "mx"},
		{"2.2 slash and version", "mx/1; none", "mx"},
		{"2.2 none and a result", "mx; none; spf=pass", "mx"},
		{"2.2 a result and none", "mx; spf=pass; none", "mx"},
		{"2.2 no result", "mx; spf", "mx"},
		{"2.2 empty result", "mx; spf=; dkim=pass", "mx"},
		{"2.2 empty place", "mx; ; spf=pass", "mx"},
		{"2.2 property without type and value", "mx; dmarc=pass action", "mx"},
		{"2.2 property without value", "mx; dmarc=pass header.from=", "mx"},
		{"2.2 two reasons", "mx; spf=fail reason=a reason=b", "mx"},
		{"2.2 no blank before a property", `mx; spf=fail reason="a"smtp.helo=b`, "mx"},
		{"2.2 quotes in a token", `mx; spf=fail smtp.helo=a"b"`, "mx"},
		{"2.2 method version", "mx; spf/x=fail", "mx"},
		{"quotes without end", `mx; spf=pass reason="a`, ""},
		{"escaped end of quotes", `mx; spf=pass reason="a\"`, ""},
		{"comment without end", "mx; spf=pass (a", ""},
		{"comment without begin", "mx; spf=pass a)", ""},
		{"comments too deep", "mx" + strings.Repeat("(", 33) + strings.Repeat(")", 33) + "; none", ""},
		{"NUL", "mx; spf=pass reason=\"\x00\"", ""},
		{"bare CR", "mx;\r spf=pass", ""},
		{"line end that is no fold", "mx;\r\nX: spf=pass", ""},
		{"escaped line end", "mx; spf=pass reason=\"a\\\r\n b\"", ""},
		{"not UTF-8", "mx; spf=pass smtp.helo=\xff", ""},
		{"too long", "mx; spf=pass" + strings.Repeat(" (a)", 20000), ""},
		{"too many results", "mx" + strings.Repeat("; spf=pass", 101), "mx"},
		{"too many properties", "mx; spf=pass" + strings.Repeat(" a.b=c", 101), "mx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, methods, err := Parse(tt.value)
			if !errors.Is(err, ErrSyntax) || methods != nil || id != tt.id {
				t.Errorf("%.80q: id %q, %v, %v; want id %q", tt.value, id, methods, err, tt.id)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mx 1; none", `mx (a); dkim/1=pass reason="x\"" header.d=@a`, "mx; a=b c.d=\"e\"@f;", "mx;\r\n\tspf=pass", strings.Repeat("0", 49)} {
		f.Add(s)
	}
	if cases, err := readSuite(); err == nil {
		for _, c := range cases {
			f.Add(c.Value)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, methods, err := Parse(s)
		if (err == nil) != (id != "") && err == nil || len(methods) > maxReadMethods {
			t.Fatalf("%q: id %q, %d results, %v", s, id, len(methods), err)
		}
		if err != nil && (methods != nil || !errors.Is(err, ErrSyntax)) {
			t.Fatalf("%q: %v beside %v", s, methods, err)
		}
		checkFormat(t, id, methods)
	})
}
