package spf

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// The values of the examples in RFC 7208 section 7.4.
func exampleValue(letter byte) string {
	switch letter {
	case 's':
		return "strong-bad@email.example.com"
	case 'l':
		return "strong-bad"
	case 'o', 'd':
		return "email.example.com"
	case 'i':
		return "192.0.2.3"
	case 'v':
		return "in-addr"
	case 'h':
		return strings.Repeat("h.", 300) + "example.net"
	case 'r':
		return "a&b=c/~d e"
	}
	return string(letter)
}

func TestMacroText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ macro, want string }{
		// Section 7.4.
		{"%{s}", "strong-bad@email.example.com"},
		{"%{o}", "email.example.com"},
		{"%{d}", "email.example.com"},
		{"%{d4}", "email.example.com"},
		{"%{d3}", "email.example.com"},
		{"%{d2}", "example.com"},
		{"%{d1}", "com"},
		{"%{dr}", "com.example.email"},
		{"%{d2r}", "example.email"},
		{"%{l}", "strong-bad"},
		{"%{l-}", "strong.bad"},
		{"%{lr}", "strong-bad"},
		{"%{lr-}", "bad.strong"},
		{"%{l1r-}", "strong"},
		{"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
		// Section 7.3.
		{"%{R}", "a%26b%3Dc%2F~d%20e"},
		{"%{R/}", "a%26b%3Dc.~d%20e"},
		{"%{D2R}", "example.email"},
		{"%{s1@}", ""}, // @ is no delimiter
		{"100%% of%_it%-", "100% of it%20"},
		{"%{d000000000000000000002}", "example.com"},
	} {
		m, problem := parseMacro(tc.macro, forExplanation)
		if tc.want == "" {
			if problem == "" {
				t.Errorf("%s was accepted", tc.macro)
			}
			continue
		}
		if got := m.text(1000, exampleValue); problem != "" || got != tc.want {
			t.Errorf("%s: got %q, want %q %s", tc.macro, got, tc.want, problem)
		}
	}
}

func TestMacroName(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("x", 63)
	for _, tc := range []struct{ name, macro, want string }{
		{"7.3 dot at the end is dropped", "%{d}.Example.ORG.", "email.example.com.example.org"},
		{"7.3 longer than 253 octets", "%{h}", strings.Repeat("h.", 121) + "example.net"},
		{"7.3 exactly 253 octets", label + "." + label + "." + label + "." + label[:61], label + "." + label + "." + label + "." + label[:61]},
		{"7.3 254 octets", label + "." + label + "." + label + "." + label[:62], label + "." + label + "." + label[:62]},
		{"7.3 dot at the end does not make it longer", label + "." + label + "." + label + "." + label[:61] + ".", label + "." + label + "." + label + "." + label[:61]},
		{"7.3 the cut falls on a dot", "%{h}" + strings.Repeat(".abc", 60), "h.example.net" + strings.Repeat(".abc", 60)},
		{"7.3 one label that is too long stays", "a." + strings.Repeat("x", 300), strings.Repeat("x", 300)},
	} {
		m, problem := parseMacro(tc.macro, forName)
		if problem != "" {
			t.Fatalf("%s: %s", tc.name, problem)
		}
		got := m.name(exampleValue)
		if tc.name == "7.3 one label that is too long stays" {
			if impossible(got) == "" {
				t.Errorf("%s: %q could exist", tc.name, got)
			}
			continue
		}
		if got != tc.want {
			t.Errorf("%s:\n got %q\nwant %q", tc.name, got, tc.want)
		}
	}
}

// cutByLabels follows the sentence of RFC 7208 section 7.3 literally.
func cutByLabels(s string) string {
	s = dnscache.LowerASCII(strings.TrimSuffix(s, "."))
	for len(s) > 253 {
		_, rest, ok := strings.Cut(s, ".")
		if !ok {
			return s
		}
		s = rest
	}
	return s
}

func FuzzMacro(f *testing.F) {
	for _, s := range []string{
		"%{s}%{l}%{o}%{d}%{i}%{p}%{v}%{h}%{c}%{r}%{t}", "%{S1r.-+,/_=}", "%%%_%-", "%{", "%", "%{d0}",
		"%{h}%{h}.", "a b", "\x80", strings.Repeat("%{h}", 50),
	} {
		f.Add(s, "a.b-c+d,e/f_g=h")
		f.Add(s, strings.Repeat("x.", 200))
	}
	f.Fuzz(func(t *testing.T, s, v string) {
		value := func(letter byte) string {
			if letter == 'h' {
				return strings.Repeat("h.", 200) + v
			}
			return v
		}
		if len(v) > 1000 {
			return
		}
		for _, use := range []macroUse{forName, forText, forExplanation} {
			m, problem := parseMacro(s, use)
			if problem != "" {
				printable(t, problem, 400)
				continue
			}
			whole := m.text(1<<30, value)
			if got := m.text(100, value); got != whole[:min(100, len(whole))] {
				t.Fatalf("%q is not the beginning of %q", got, whole)
			}
			// The expansion from the right must equal that of the whole.
			got, want := m.name(value), cutByLabels(whole)
			if got != want && (impossible(got) == "" || impossible(want) == "") {
				t.Fatalf("%q: got %q, want %q", s, got, want)
			}
		}
	})
}
