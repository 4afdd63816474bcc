package dkim

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// toASCII maps U-labels to A-labels (RFC 8616 section 4). Underscores pass: the
// names of keys have them.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false))

var errName = errors.New("dkim: not a domain name")

// domainName returns a name of d=, s= or i= in lower-case A-labels.
func domainName(s string) (string, error) {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		if !utf8.ValidString(s) {
			return "", errName
		}
		a, err := toASCII.ToASCII(s)
		if err != nil {
			return "", errName
		}
		s = a
	}
	if len(s) > 253 {
		return "", errName
	}
	for rest, label, more := s, "", true; more; {
		label, rest, more = strings.Cut(rest, ".")
		if label == "" || len(label) > 63 {
			return "", errName
		}
		for i := range len(label) {
			c := label[i]
			if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", errName
			}
		}
	}
	return strings.ToLower(s), nil
}

// below reports whether name is domain or a subdomain of it; both in lower-case
// A-labels.
func below(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, domain) && name[len(name)-len(domain)-1] == '.'
}
