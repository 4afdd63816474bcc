package oracles

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/unicode/norm"

	"github.com/postvet/postvet/policy/message"
)

// exceptions are faults of readers that move no author to a domain that somebody
// could own and choose. Each is a predicate on the field and the reading alone.
var exceptions = []struct {
	name string
	fits func(difference) bool
}{
	// A program without RFC 6532 drops raw UTF-8 in a domain, replaces it or reads it
	// as Latin-1. It shows no such address rightly, and refusing the address would
	// refuse the standard.
	{"raw UTF-8 in the domain lost", func(d difference) bool {
		return others(d, func(domain string) bool { return lossy(d, domain) })
	}},
	// A program that decodes a name before it parses it takes an address in the
	// name for the author's, in much honest mail: =?utf-8?q?ann=40other.example?=
	// <notify@service.example>. RFC 2047 section 5 forbids that order.
	{"a plain name decoded before parsing", func(d difference) bool {
		return d.reader.Decodes && others(d, func(domain string) bool { return inPlainName(d.field, domain) })
	}},
	// A name without a dot, as in "Bob@Home", is no domain that mail comes from: no
	// top-level domain may have an address.
	{"a name without a dot", func(d difference) bool {
		return others(d, func(domain string) bool {
			return !strings.ContainsAny(norm.NFKC.String(message.DecodeALabels(domain)), ".\u3002")
		})
	}},
}

// excepted returns the name of the exception that fits a difference; "" if none
// does.
func excepted(d difference) string {
	for _, e := range exceptions {
		if e.fits(d) {
			return e.name
		}
	}
	return ""
}

// others reports whether fits holds for each domain of a reading but the
// author's.
func others(d difference, fits func(domain string) bool) bool {
	return !slices.ContainsFunc(d.domains, func(domain string) bool { return domain != d.author && !fits(domain) })
}

// lossy reports whether a domain is the author's whose characters beyond ASCII
// are dropped, replaced or read as Latin-1. Dots are among them if the field has
// fullwidth ones.
func lossy(d difference, domain string) bool {
	dots := bytes.ContainsAny(d.field, fullStops)
	unicode := message.DecodeALabels(d.author)
	if unicode == d.author && !dots {
		return false
	}
	const lost = `(?:\?|\x{FFFD}|\\ufffd){0,4}`
	for _, text := range []string{norm.NFC.String(unicode), norm.NFD.String(unicode)} {
		for _, name := range []string{text, strings.ToUpper(text)} {
			if domainOf("@"+latin1ToUTF8(name)) == domain {
				return true
			}
		}
		var pattern strings.Builder
		for _, r := range text {
			switch {
			case r == '.' && dots:
				pattern.WriteString(`(?:\.|[` + fullStops + `]|` + lost + `)`)
			case r < utf8.RuneSelf:
				pattern.WriteString(regexp.QuoteMeta(string(r)))
			default:
				pattern.WriteString(lost)
			}
		}
		if regexp.MustCompile("^" + pattern.String() + "$").MatchString(domain) {
			return true
		}
	}
	return false
}

var (
	wordPattern = regexp.MustCompile(`=\?([^?]*)\?([bBqQ])\?([^?]*)\?=`)
	hexPattern  = regexp.MustCompile(`=[0-9A-Fa-f]{2}`)
	blanks      = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")
	endsName    = regexp.MustCompile(`[<>,;:"\\\x00-\x1f\x7f]`)
)

// inPlainName reports whether the encoded words of a field hold an address of the
// domain and no character that ends a name.
func inPlainName(field []byte, domain string) bool {
	var text, converted strings.Builder
	for _, w := range wordPattern.FindAllSubmatch(field, -1) {
		decoded, ok := decodedWord(string(w[2]), string(w[3]))
		if !ok {
			return false
		}
		text.WriteString(decoded)
		if e, err := htmlindex.Get(string(w[1])); err == nil {
			decoded, _ = e.NewDecoder().String(decoded) // without an error: U+FFFD stands for what is not valid
		}
		converted.WriteString(decoded)
	}
	shown, err := idna.Punycode.ToUnicode(domain)
	if err != nil {
		shown = domain
	}
	return slices.ContainsFunc([]string{text.String(), converted.String()}, func(text string) bool {
		name := skeleton(text)
		return (strings.Contains(name, "@"+domain) || strings.Contains(name, "@"+skeleton(shown))) && !endsName.MatchString(text)
	})
}

// decodedWord returns the bytes of an encoded word.
func decodedWord(encoding, encoded string) (string, bool) {
	if strings.EqualFold(encoding, "q") {
		return hexPattern.ReplaceAllStringFunc(strings.ReplaceAll(encoded, "_", " "), func(hex string) string {
			n, _ := strconv.ParseUint(hex[1:], 16, 8) // the pattern has it
			return string([]byte{byte(n)})
		}), true
	}
	encoded = strings.TrimRight(blanks.Replace(encoded), "=")
	if len(encoded)%4 == 1 { // no program makes a byte of a single character
		encoded = encoded[:len(encoded)-1]
	}
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	return string(decoded), err == nil
}

// skeleton returns a text in lower case, without blanks, and with all that is
// not ASCII as one sign.
func skeleton(s string) string {
	return regexp.MustCompile(`[^\x00-\x7f]+`).ReplaceAllString(strings.ReplaceAll(strings.ToLower(s), " ", ""), "*")
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	decodes, plain := &reader{Name: "one that decodes", Decodes: true}, &reader{Name: "one that does not"}
	for _, tt := range []struct {
		field   string
		by      *reader
		domains string
		want    string
	}{
		{"=?utf-8?q?ann=40other.example?= <n@shop.example>", decodes, "other.example", "a plain name decoded before parsing"},
		{"=?utf-8?q?ann=40oth?= =?utf-8?q?er.example?= <n@shop.example>", decodes, "other.example shop.example", "a plain name decoded before parsing"},
		{"=?utf-8?q?ann=40other.example?= <n@shop.example>", plain, "other.example", ""},
		{"=?utf-8?q?ann=40other.example=2C?= <n@shop.example>", decodes, "other.example", ""},
		{"=?utf-8?q?ann=40other.example?= <n@shop.example>", decodes, "bank.example", ""},
		{"Bob@Home <n@shop.example>", plain, "home", "a name without a dot"},
		{"Bob@Home <n@shop.example>", plain, "bank.example home", ""},
		{"=?utf-8?q?o=40b=C3=BCcher.example?= <n@shop.example>", decodes, "xn--bcher-kva.example", "a plain name decoded before parsing"},
		{"Joe <n@shop.example>", plain, "sh\ufffdp.example", ""},
		{"=?utf8?B?YW5uQG90aGVyLmV4YW1wbGU\t?= <n@shop.example>", decodes, "other.example", "a plain name decoded before parsing"},
		{"=?utf8*n?q?ann=40other.example==40 ?= <n@shop.example>", decodes, "other.example", "a plain name decoded before parsing"},
		{"=?iso-8859-1?q?x=40shop=E1=FD?= <n@shop.example>", decodes, "shop.xn--1ca8h", ""},
		{"=?iso-8859-1?q?x=40shop.=E1=FD?= <n@shop.example>", decodes, "shop.xn--1ca8h", "a plain name decoded before parsing"},
		{"=?utf8?B?YW5u!QG90aGVyLmV4YW1wbGU?= <n@shop.example>", decodes, "other.example", ""},
		{"=?utf8?q?ann=40b=C3=BCcher=3C?= <n@shop.example>", decodes, "xn--bcher-kva", "a name without a dot"},
		{"=?utf8?q?ann=40b=C3=BCcher=3C?= <n@shop.example>", plain, "bank\u3002example", ""},
	} {
		d := difference{[]byte(tt.field), "shop.example", reading{tt.by, strings.Fields(tt.domains)}}
		if got := excepted(d); got != tt.want {
			t.Errorf("%q, %s: %q, want %q", tt.field, tt.domains, got, tt.want)
		}
	}
	d := difference{[]byte("n@b\u00fccher.example"), "xn--bcher-kva.example", reading{plain, []string{"b\ufffd\ufffdcher.example"}}}
	if got := excepted(d); got != "raw UTF-8 in the domain lost" {
		t.Errorf("%v: %q", d, got)
	}
	for domain, want := range map[string]bool{"strae.example": true, "stra?e.example": true, "stra??e.example": true, "xn--strae-pfa98b.example": true, "strasse.example": false, "stra.example": false} {
		if got := lossy(difference{author: "xn--strae-oqa.example"}, domain); got != want {
			t.Errorf("%s: %v", domain, got)
		}
	}
}
