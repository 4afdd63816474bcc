package message

import (
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of the DNS in octets, RFC 1035 section 2.3.4. The name's 255 octets
// on the wire are 253 characters of text.
const (
	maxLabel  = 63
	maxDomain = 253
	// maxULabels bounds what is given to the IDNA tables: no name of 253
	// octets in A-labels is longer than this in UTF-8.
	maxULabels = 1024
)

// profile maps U-labels as a lookup does (RFC 5891 section 5, UTS 46,
// non-transitional). It does not insist on the host name rules of RFC 1123 or
// on the places of hyphens: "_dmarc" and "r3---sn" are in the DNS, and
// [NormalizeDomain] checks what is written there. It is never modified.
var profile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(false), idna.CheckHyphens(false))

// NormalizeDomain returns a domain name in the one form in which the
// evaluators ask for it and compare it: lower case, A-labels (RFC 8616
// section 4), no dot at the end. It reports false for what is not a domain
// name that mail can have: an empty name or label, a label over 63 or a name
// over 253 octets, bytes other than letters, digits, hyphen and underscore, or
// U-labels that IDNA does not allow. One label alone is a name.
//
// A standard that wants less than this checks the rest itself, and says so.
// A-labels in the input are not decoded: they need not be that of any U-label.
func NormalizeDomain(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxULabels {
		return "", false
	}
	if !isASCII(name) {
		if !utf8.ValidString(name) { // the tables would take U+FFFD instead
			return "", false
		}
		a, err := profile.ToASCII(name)
		if err != nil {
			return "", false
		}
		name = strings.TrimSuffix(a, ".") // U+3002 is a dot as well
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
// such as one in a DNS answer: its octets beyond ASCII are no characters, and
// A-labels made of them would be another name.
func NormalizeASCII(name string) (string, bool) {
	if !isASCII(name) {
		return "", false
	}
	return NormalizeDomain(name)
}

// validALabels reports whether all labels of a normalized domain that look like
// A-labels are the A-label of a U-label. One that is not, such as
// "xn--example-", can be shown by a program that decodes it as another domain.
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
// A-labels, whether they are valid or not.
func DecodeALabels(name string) string {
	if !strings.Contains(name, "xn--") {
		return name
	}
	u, _ := profile.ToUnicode(name)
	return u
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Below reports whether a domain is another or stands below it. Both are in the
// form that [NormalizeDomain] returns.
func Below(domain, above string) bool {
	head, ok := strings.CutSuffix(domain, above)
	return ok && (head == "" || head[len(head)-1] == '.')
}

// Ancestry yields a domain and then each domain above it, the nearest first.
func Ancestry(domain string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := domain != ""; more && yield(domain); {
			_, domain, more = strings.Cut(domain, ".")
		}
	}
}
