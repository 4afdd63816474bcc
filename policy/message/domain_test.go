package message

import (
	"strings"
	"testing"
)

func TestNormalizeDomain(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) // 250
	for _, tt := range []struct {
		name, in, want string
		ok             bool
	}{
		{"plain", "example.org", "example.org", true},
		{"case", "eXample.ORG", "example.org", true},
		{"RFC 1034 3.1 root dot", "example.org.", "example.org", true},
		{"two root dots", "example.org..", "", false},
		{"empty", "", "", false},
		{"root", ".", "", false},
		{"empty label", "a..b", "", false},
		{"empty first label", ".a", "", false},
		{"one label", "localhost", "localhost", true},
		{"RFC 1035 2.3.4 label of 63", strings.Repeat("a", 63) + ".b", strings.Repeat("a", 63) + ".b", true},
		{"RFC 1035 2.3.4 label of 64", strings.Repeat("a", 64) + ".b", "", false},
		{"RFC 1035 2.3.4 name of 253", long + "abc", long + "abc", true},
		{"RFC 1035 2.3.4 name of 254", long + "abcd", "", false},
		{"name of 253 and the root dot", long + "abc.", long + "abc", true},
		{"RFC 8552 underscore", "_dmarc.sel_1.example", "_dmarc.sel_1.example", true},
		{"hyphens", "r3---sn.-a-.example", "r3---sn.-a-.example", true},
		{"blank", "a b", "", false},
		{"fold", "a\r\n b", "", false},
		{"NUL", "a\x00.example", "", false},
		{"address literal", "[192.0.2.1]", "", false},
		{"digits", "192.0.2.1", "192.0.2.1", true},
		{"RFC 8616 4 U-label", "Bücher.Example", "xn--bcher-kva.example", true},
		{"RFC 8616 4 U-label decomposed", "bu\u0308cher.example", "xn--bcher-kva.example", true},
		{"RFC 8616 4 A-label", "XN--bcher-KVA.example", "xn--bcher-kva.example", true},
		{"U-label with underscore", "_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example", true},
		{"RFC 5891 sharp s is kept", "straße.example", "xn--strae-oqa.example", true},
		{"ideographic dot", "a\u3002example\u3002", "a.example", true},
		{"emoji", "i❤.ws", "xn--i-7iq.ws", true},
		{"RFC 5893 bidi", "אa.example", "", false},
		{"not UTF-8", "b\xfccher.example", "", false},
		{"maps to a slash", "a\u2100b.example", "", false},
		{"fullwidth at", "a\uff20b.example", "", false},
		{"U-label too long as A-label", strings.Repeat("ü", 63) + ".example", "", false},
		{"very long U-label", strings.Repeat("ü", 100000) + ".example", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := NormalizeDomain(tt.in)
			if got != tt.want || ok != tt.ok {
				t.Errorf("%q: %q, %v; want %q, %v", tt.in, got, ok, tt.want, tt.ok)
			}
			if again, ok := NormalizeDomain(got); tt.ok && (again != got || !ok) {
				t.Errorf("%q normalizes to %q", got, again)
			}
		})
	}
}

func TestALabels(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"example.org":           true,
		"xn--bcher-kva.example": true,
		"xn--i-7iq.ws":          true,
		"axn--b.example":        true,
		"xn--example-.org":      false, // decodes to "example"
		"xn--a.example":         false,
		"xn--.example":          false,
	} {
		if got := validALabels(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func FuzzNormalizeDomain(f *testing.F) {
	for _, s := range []string{"example.org.", "bücher.example", "xn--a", "a\u3002b", "\xff", "_a.-b-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := NormalizeDomain(s)
		if !ok {
			if n != "" {
				t.Fatalf("%q: %q without ok", s, n)
			}
			return
		}
		if again, ok := NormalizeDomain(n); !ok || again != n || len(n) > 253 || !isASCII(n) {
			t.Fatalf("%q: %q, again %q, %v", s, n, again, ok)
		}
		for l := range strings.SplitSeq(n, ".") {
			if len(l) == 0 || len(l) > 63 || strings.ToLower(l) != l {
				t.Fatalf("%q: label %q", s, l)
			}
		}
		validALabels(n)
	})
}

func TestSplitPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, local, domain string }{
		{"4.1.2 mailbox", "joe@Example.org", "joe", "Example.org"},
		{"4.1.2 in angle brackets", "<joe@example.org>", "joe", "example.org"},
		{"4.1.2 null path", "", "", ""},
		{"4.1.2 null path in angle brackets", "<>", "", ""},
		{"4.1.1.3 postmaster", "postmaster", "postmaster", ""},
		{"no local part", "@example.org", "", "example.org"},
		{"no domain after @", "joe@", "joe", ""},
		{"4.1.2 quoted @", `"a@b"@example.org`, `"a@b"`, "example.org"},
		{"4.1.2 quoted quote", `"a\"@b"@example.org`, `"a\"@b"`, "example.org"},
		{"quotes without end", `"a@example.org`, `"a@example.org`, ""},
		{"last @", "a@b@example.org", "a@b", "example.org"},
		{"escaped @", `a\@example.org`, `a\@example.org`, ""},
		{"backslash at the end", `a@b\`, "a", `b\`},
		{"appendix C source route", "@a.example,@b.example:joe@example.org", "joe", "example.org"},
		{"appendix C one host", "<@a.example:joe@example.org>", "joe", "example.org"},
		{"4.1.3 literal with colons", "joe@[IPv6:2001:db8::1]", "joe", "[IPv6:2001:db8::1]"},
		{"4.1.3 literal without local part", "@[IPv6:2001:db8::1]", "", "[IPv6:2001:db8::1]"},
		{"4.1.3 literal in a route", "@[IPv6:2001:db8::1]:joe@example.org", "joe", "example.org"},
		{"percent hack", "joe%a.example@example.org", "joe%a.example", "example.org"},
		{"RFC 6531 UTF-8", "jörg@bücher.example", "jörg", "bücher.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if local, domain := SplitPath(tt.path); local != tt.local || domain != tt.domain {
				t.Errorf("%q: %q, %q; want %q, %q", tt.path, local, domain, tt.local, tt.domain)
			}
		})
	}
}

func FuzzSplitPath(f *testing.F) {
	for _, s := range []string{"<@a,@b:u@c>", `"a\"@b"@c`, "@[::1]:x@y", `\`, "<@>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		local, domain := SplitPath(s)
		if !strings.Contains(s, local) || !strings.Contains(s, domain) || strings.Count(domain, "@") > strings.Count(domain, `"@`)+strings.Count(domain, `\@`) && !strings.Contains(domain, `"`) {
			t.Fatalf("%q: %q, %q", s, local, domain)
		}
	})
}

func BenchmarkNormalizeDomain(b *testing.B) {
	for _, name := range []string{"mail.example.org", "Mail.Example.ORG", "bücher.example"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				NormalizeDomain(name)
			}
		})
	}
}
