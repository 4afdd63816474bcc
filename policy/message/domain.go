package message

import (
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits of DNS names in octets (RFC 1035 section 2.3.4). A name of 255 octets
// on the wire has 253 characters of text.
const (
	maxLabel  = 63
	maxDomain = 253
	// maxULabels bounds the input of the IDNA tables. No name whose A-labels
	// fit in 253 octets is longer than this in UTF-8.
	maxULabels = 1024
)

// profile maps U-labels to A-labels for a lookup (RFC 5891 section 5 and UTS
// 46, non-transitional). It does not enforce the host name rules of RFC 1123
// and the places of hyphens, because names such as "_dmarc" and "r3---sn"
// exist; [NormalizeDomain] checks the characters. It is never modified.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(false), idna.CheckHyphens(false))

// NormalizeDomain returns a domain name in the form in which the evaluators
// look it up and compare it: lower-case A-labels (RFC 8616 section 4) without a
// dot at the end. It reports false for anything that cannot be a domain name in
// mail: an empty name or label, a label over 63 octets, a name over 253 octets,
// a byte other than letters, digits, hyphen and underscore, and U-labels that
// IDNA does not allow. A single label is a name.
//
// Callers whose standard is stricter check the rest themselves. NormalizeDomain
// does not decode A-labels in the input, so they need not be valid.
func NormalizeDomain(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxULabels {
		return "", false
	}
	if !isASCII(name) {
		if !utf8.ValidString(name) { // the tables would read U+FFFD instead
			return "", false
		}
		a, err := profile.ToASCII(name)
		if err != nil {
			return "", false
		}
		name = strings.TrimSuffix(a, ".") // IDNA maps U+3002 to a dot
	}
	if name == "" || len(name) > maxDomain {
		return "", false
	}
	upper, label := false, 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = 0
			continue
		case 'A' <= c && c <= 'Z':
			upper = true
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
		if label++; label > maxLabel {
			return "", false
		}
	}
	if label == 0 {
		return "", false
	}
	if upper {
		name = strings.ToLower(name)
	}
	return name, true
}

// NormalizeASCII is [NormalizeDomain] for a name that cannot have U-labels,
// such as one in a DNS answer. Octets beyond ASCII in such a name are not
// UTF-8, and converting them to A-labels would yield another name.
func NormalizeASCII(name string) (string, bool) {
	if !isASCII(name) {
		return "", false
	}
	return NormalizeDomain(name)
}

// validALabels reports whether every label of a normalized domain that begins
// with "xn--" is the A-label of some U-label (RFC 5890 section 2.3.2.1). A
// program that decodes an invalid one, such as "xn--example-", may show another
// domain.
func validALabels(name string) bool {
	if !strings.Contains(name, "xn--") {
		return true
	}
	u, err := profile.ToUnicode(name)
	if err != nil {
		return false
	}
	a, err := profile.ToASCII(u)
	return err == nil && a == name
}

// DecodeALabels returns a normalized domain as a program shows it that decodes
// A-labels, valid or not.
func DecodeALabels(name string) string {
	if !strings.Contains(name, "xn--") {
		return name
	}
	u, _ := profile.ToUnicode(name)
	return u
}

// dots replaces what IDNA takes for a dot.
var dots = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".")

// idnaMaps reports whether IDNA maps characters of a name to others or to
// nothing, apart from case, canonical composition and the dots that RFC 3490
// section 3.1 has: fullwidth letters, the soft hyphen, joiners, variation
// selectors. domain is the normalized name. A program that does not know IDNA,
// or takes out invisible characters, reads another name.
func idnaMaps(name, domain string) bool {
	if isASCII(name) {
		return false
	}
	u, err := profile.ToUnicode(domain)
	name = strings.TrimSuffix(dots.Replace(name), ".")
	return err != nil || u != strings.ToLower(norm.NFC.String(name))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Below reports whether a domain equals above or is a subdomain of it. Both
// must be in the form that [NormalizeDomain] returns.
func Below(domain, above string) bool {
	head, ok := strings.CutSuffix(domain, above)
	return ok && (head == "" || head[len(head)-1] == '.')
}

// Ancestry yields a domain and then each of its parent domains, from the
// longest to the shortest.
func Ancestry(domain string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := domain != ""; more && yield(domain); {
			_, domain, more = strings.Cut(domain, ".")
		}
	}
}
