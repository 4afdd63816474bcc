package oracles

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// domainOf returns the domain of an address that a program read, in lower-case
// A-labels; "" if the address has none. Nothing is mapped away beyond case and
// canonical form, as most programs map nothing. Text that no domain can hold is
// left out behind a name with a dot ("shop.example>"), but not behind one without
// ("bank .example").
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	name := strings.TrimSpace(address[at+1:])
	if !strings.HasPrefix(name, "[") {
		if end := strings.IndexFunc(name, endsDomain); end >= 0 && (strings.Contains(name[:end], ".") || !strings.Contains(name, ".")) {
			name = name[:end]
		}
		name = strings.TrimSuffix(name, ".")
	}
	switch {
	case !utf8.ValidString(name):
		return name
	case strings.ContainsAny(name, "\ufffd"+fullStops):
		return strings.ToLower(name)
	}
	labels := strings.Split(strings.ToLower(norm.NFC.String(name)), ".")
	for i, l := range labels {
		if a, err := idna.Punycode.ToASCII(l); err == nil {
			labels[i] = a
		}
	}
	return strings.Join(labels, ".")
}

// fullStops are what IDNA takes for a dot (RFC 3490 section 3.1). A program that
// does not reads one label, which no domain has.
const fullStops = "\u3002\uff0e\uff61"

// endsDomain reports whether a character is in no domain and stands for no
// character beyond ASCII, as some programs have "?" and "\\ufffd".
func endsDomain(r rune) bool {
	return r < utf8.RuneSelf && r != '.' && r != '?' && r != '\\' && r != '-' && r != '_' &&
		(r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

func TestDomainOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"a@B.example":            "b.example",
		`"x@y"@b.example.`:       "b.example",
		"a@b.example> <c":        "b.example",
		"a@bank .example":        "bank .example",
		"a@home (x":              "home",
		"a@[192.0.2.1]":          "[192.0.2.1]",
		"a@BÜCHER.example":       "xn--bcher-kva.example",
		"a@bu\u0308cher.example": "xn--bcher-kva.example",
		"a@b\u200b.example":      "xn--b-qgn.example",
		"a@b\xff.example":        "b\xff.example",
		"root":                   "",
		"root@":                  "",
		"root@ <":                "",
	} {
		if got := domainOf(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
