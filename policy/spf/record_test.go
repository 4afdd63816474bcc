package spf

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseRecord(t *testing.T) {
	t.Parallel()
	got, err := ParseRecord("V=spf1  +A -mx:x.example.org/24//64 ~ip4:192.0.2.0/24 ?IP6:2001:db8::1 include:%{d2}.example.org ptr:y.example.org exists:%{ir}.z.example.org foo=%{t}bar Exp=w.example.org all redirect=v.example.org ")
	if err != nil {
		t.Fatal(err)
	}
	want := []Term{
		{Text: "+A", Position: 1, Qualifier: "+", Mechanism: "a", Prefix4: 32, Prefix6: 128},
		{Text: "-mx:x.example.org/24//64", Position: 2, Qualifier: "-", Mechanism: "mx", Domain: "x.example.org", Prefix4: 24, Prefix6: 64},
		{Text: "~ip4:192.0.2.0/24", Position: 3, Qualifier: "~", Mechanism: "ip4", Network: netip.MustParsePrefix("192.0.2.0/24")},
		{Text: "?IP6:2001:db8::1", Position: 4, Qualifier: "?", Mechanism: "ip6", Network: netip.MustParsePrefix("2001:db8::1/128")},
		{Text: "include:%{d2}.example.org", Position: 5, Qualifier: "+", Mechanism: "include", Domain: "%{d2}.example.org"},
		{Text: "ptr:y.example.org", Position: 6, Qualifier: "+", Mechanism: "ptr", Domain: "y.example.org"},
		{Text: "exists:%{ir}.z.example.org", Position: 7, Qualifier: "+", Mechanism: "exists", Domain: "%{ir}.z.example.org"},
		{Text: "foo=%{t}bar", Position: 8, Modifier: "foo", Domain: "%{t}bar"},
		{Text: "Exp=w.example.org", Position: 9, Modifier: "exp", Domain: "w.example.org"},
		{Text: "all", Position: 10, Qualifier: "+", Mechanism: "all"},
		{Text: "redirect=v.example.org", Position: 11, Modifier: "redirect", Domain: "v.example.org"},
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(Term{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, got.Terms, opts); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	var counts, macros []int
	for _, term := range got.Terms {
		if term.Counts() {
			counts = append(counts, term.Position)
		}
		if term.Macros() {
			macros = append(macros, term.Position)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 5, 6, 7, 11}, counts); diff != "" {
		t.Errorf("counted terms (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{5, 7}, macros); diff != "" {
		t.Errorf("terms with macros (-want +got):\n%s", diff)
	}
	if r, e := got.Redirect(), got.Explanation(); r == nil || r.Position != 11 || e == nil || e.Position != 9 {
		t.Errorf("redirect %v, exp %v", r, e)
	}
}

// Each row is a record and a part of its error, "" for none.
func TestParseRecordErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, terms, want string }{
		{"4.6.1 no terms", "", ""},
		{"4.6.1 unknown mechanism", "foo", "term 1 (foo): there is no such mechanism"},
		{"4.6.1 position of the term", "a  mx foo all", "term 3 (foo)"},
		{"4.6.1 tab between terms", "a\tmx", "no such mechanism"},
		{"4.6.1 line feed between terms", "a:x.example.org\nmx", `it holds the character "\n"`},
		{"4.6.1 modifier without a name", "=x", "name of a mechanism is missing"},
		{"4.6.1 modifier that begins with a digit", "1a=x", "no such mechanism"},
		{"4.6.1 modifier without a value", "x=", ""},
		{"5.1 all with a domain", "all:x.example.org", "neither"},
		{"5.1 all with a length", "all/8", "neither"},
		{"5.2 include without a domain", "include", "needs a colon"},
		{"5.2 include with an empty domain", "include:", "the domain is missing"},
		{"5.2 include with a length", "include:x.example.org/24", "top-level"},
		{"5.3 a", "a", ""},
		{"5.3 a with lengths", "a/0//0", ""},
		{"5.3 a with IPv6 length", "a//64", ""},
		{"5.3 a with domain and lengths", "a:x.example.org/32//128", ""},
		{"5.3 IPv4 length too large", "a/33", "0 to 32"},
		{"5.3 IPv6 length too large", "a//129", "0 to 128"},
		{"5.3 length with a leading zero", "a/08", "0 to 32"},
		{"5.3 length of many digits", "a/00000000000000000000000000", "0 to 32"},
		{"5.3 length missing", "a/", "malformed"},
		{"5.3 lengths without the second slash", "a/24/64", "written //64"},
		{"5.3 IPv6 length before IPv4 length", "a//64/24", "malformed"},
		{"5.3 colon without a domain", "a:", "the domain is missing"},
		{"5.3 colon and length without a domain", "a:/24", "the domain is missing"},
		{"5.4 mx with a dash", "mx-x.example.org", "no such mechanism"},
		{"5.5 ptr with a length", "ptr/8", "ptr takes no length"},
		{"5.6 ip4 without an address", "ip4", "needs a colon"},
		{"5.6 ip4 network", "ip4:192.0.2.0/24", ""},
		{"5.6 ip4 with host bits", "ip4:192.0.2.1/24", ""},
		{"5.6 ip4 too short", "ip4:192.0.2", "is not an IPv4 address"},
		{"5.6 ip4 with a port", "ip4:192.0.2.1:25", "is not an IPv4 address"},
		{"5.6 ip4 with two lengths", "ip4:192.0.2.1//32", "0 to 32"},
		{"5.6 ip6 mapped", "ip6:::ffff:192.0.2.1/128", ""},
		{"5.6 ip6 length", "ip6:2001:db8::/129", "0 to 128"},
		{"5.7 exists without a domain", "exists", "needs a colon"},
		{"6 exp empty", "exp=", "the domain is missing"},
		{"6 exp twice in different case", "exp=a.example.org EXP=b.example.org", "term 2 (EXP=b.example.org): exp= occurs twice"},
		{"6.1 redirect without a dot", "redirect=x", "at least one dot"},
		{"7.1 top label of digits", "a:example.123", "top-level"},
		{"7.1 top label with a hyphen at the end", "a:example.or-", "top-level"},
		{"7.1 top label with hyphens inside", "a:example.xn--p1ai", ""},
		{"7.1 dot at the end", "a:example.org.", ""},
		{"7.1 two dots at the end", "a:example.org..", "ends in a dot"},
		{"7.1 one dot", "a:.", "ends in a dot"},
		{"7.1 only a top label behind a dot", "a:.org", ""},
		{"7.1 slash and colon in the domain", "a:x:y/z.example.org", ""},
		{"7.1 ends in a macro", "a:x%{d}", ""},
		{"7.1 ends in an escape", "a:x%-", ""},
		{"7.1 text behind a macro", "a:%{d}x", "at least one dot"},
		{"7.1 macro as the top label's begin", "a:x.%{d}org", "at least one dot"},
		{"7.1 8-bit", "a:\xe9.example.org", `it holds the character "\xe9"`},
		{"7.1 NUL", "a:x.example.org\x00", `it holds the character "\x00"`},
		{"7.1 macro without a letter", "a:%{}.example.org", "no letter"},
		{"7.1 all parts", "a:%{L09R.-+,/_=}.example.org", ""},
		{"7.1 delimiter before r", "a:%{d-r}.example.org", "malformed"},
		{"7.1 unknown delimiter", "a:%{d:}.example.org", "malformed"},
		{"7.1 percent at the end", "a:x%", "stands alone"},
		{"7.2 letter is no macro", "a:%{q}", "there is no macro"},
		{"7.2 digit as letter", "a:%{1}", "there is no macro"},
		{"7.2 t in a name", "a:%{T}", "explanations only"},
		{"3.1 long term is cut", strings.Repeat("x", 200), strings.Repeat("x", 80) + "..."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec, err := ParseRecord("v=spf1 " + tc.terms)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var se *SyntaxError
			if !errors.As(err, &se) || rec != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a syntax error with %q", err, tc.want)
			}
		})
	}
}

func TestParseRecordVersion(t *testing.T) {
	t.Parallel()
	for txt, want := range map[string]bool{
		"": false, "v=spf": false, "v=spf1": true, "V=SPF1": true, "v=spf1 ": true,
		"v=spf10": false, "v=spf1a": false, " v=spf1": false, "v=spf1\t": false, "spf1": false, "v = spf1": false,
	} {
		_, err := ParseRecord(txt)
		if got := !errors.Is(err, ErrNotSPF); got != want {
			t.Errorf("%q is a record: %v, want %v (%v)", txt, got, want, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{
		"v=spf1", "v=spf1 -all", "v=spf1 a:x:y/z.example.org/24//64 mx/0 ptr ?all",
		"v=spf1 ip4:192.0.2.0/24 ip6:::ffff:1.2.3.4/128 exists:%{ir}.%{l1r+-}._spf.%{d} redirect=%{d2}",
		"v=spf1 foo=%{t} exp=%{L0} %%%_%-", "v=spf1 a:%{", "v=spf1 a:%{d99999999999r.-+,/_=}", "v=spf1 \xff=\x00",
		// Each of these octets is four in the text of the error.
		"v=spf1 ip4:0" + strings.Repeat("\xe1", 70), "v=spf1 mx:%{" + strings.Repeat("\xe1", 400) + "}",
		"v=spf1 a/" + strings.Repeat("\xe1", 400), "v=spf1 " + strings.Repeat("\xe1", 400) + ":",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rec, err := ParseRecord(s)
		if (rec == nil) == (err == nil) {
			t.Fatal("want a record or an error")
		}
		if err != nil {
			printable(t, err.Error(), 600)
			return
		}
		// An accepted record is ASCII. Its terms, written with single spaces,
		// parse to the same.
		if !ascii(s) {
			t.Fatal("accepted 8-bit")
		}
		again := "v=spf1"
		for i := range rec.Terms {
			t1 := &rec.Terms[i]
			if (t1.Mechanism == "") == (t1.Modifier == "") || (t1.Status() == "") != (t1.Mechanism == "") {
				t.Fatalf("%+v is neither mechanism nor modifier", t1)
			}
			again += " " + t1.Text
		}
		rec2, err := ParseRecord(again)
		if err != nil || len(rec2.Terms) != len(rec.Terms) {
			t.Fatalf("%q was accepted, %q was not: %v", s, again, err)
		}
	})
}

// printable fails the test if a text for a person could do harm in a log or a
// reply.
func printable(t *testing.T, s string, limit int) {
	t.Helper()
	if len(s) > limit {
		t.Fatalf("%d octets: %q", len(s), s)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			t.Fatalf("not printable: %q", s)
		}
	}
}
