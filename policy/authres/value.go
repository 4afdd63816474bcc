package authres

import (
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// tspecials are the characters that no token may hold (RFC 2045 section 5.1).
const tspecials = "()<>@,;:\\\"/[]?="

// keyword returns s as a Keyword of RFC 8601 section 2.2 (Ldh-str of RFC 5321),
// or "" if it is none.
func keyword(s string) string {
	if s == "" || len(s) > maxKeyword || s[len(s)-1] == '-' {
		return ""
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return ""
		}
	}
	return strings.ToLower(s)
}

// safeValue returns a text from outside as one line of printable ASCII, of at
// most 256 octets and without blanks around it.
func safeValue(s string) string {
	clean := strings.Trim(foreign.Line(s, maxValue), " ")
	// Some readers decode encoded words before they parse. RFC 2047 allows
	// quotes and semicolons in these.
	return defuse(strings.ReplaceAll(clean, "=?", "=_"))
}

// methodNames and propertyTypes are the words before a "=" that a reader looks
// for if it searches a field instead of parsing it.
var (
	methodNames   = []string{"auth", "dkim", "dmarc", "spf", "arc", "iprev", "domainkeys", "sender-id", "bimi"}
	propertyTypes = []string{"smtp", "header", "policy", "body"}
)

// defuse replaces "=" by "_" after such words, so that a searching reader does
// not find "dmarc=pass" or "header.from=x" inside a quoted string.
func defuse(s string) string {
	if strings.IndexByte(s, '=') < 0 {
		return s
	}
	out := []byte(s)
	for i, c := range out {
		if c == '=' && endsInKey(s[:i]) {
			out[i] = '_'
		}
	}
	return string(out)
}

// endsInKey reports whether a text ends in a word that a "=" would make a result
// or a property.
func endsInKey(s string) bool {
	s = strings.TrimRight(s, " ")
	if hasSuffixFold(s, methodNames) {
		return true
	}
	property := strings.TrimRightFunc(s, func(r rune) bool { return r < 0x80 && isKeywordByte(byte(r)) })
	ptype, ok := strings.CutSuffix(property, ".")
	return ok && hasSuffixFold(strings.TrimRight(ptype, " "), propertyTypes)
}

func hasSuffixFold(s string, suffixes []string) bool {
	for _, w := range suffixes {
		if n := len(s) - len(w); n >= 0 && strings.EqualFold(s[n:], w) {
			return true
		}
	}
	return false
}

// writtenID returns the authserv-id as our fields carry it.
func writtenID(authservID string) string {
	if !isToken(authservID) {
		if a, ok := message.NormalizeDomain(authservID); ok {
			return a // U-labels
		}
	}
	if id := safeValue(authservID); id != "" {
		return id
	}
	return "localhost"
}

// isToken reports whether s is a token of RFC 2045 section 5.1.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return c > ' ' && c < 0x7f && (isAlnum(c) || strings.IndexByte(tspecials, c) < 0)
}

// isAddress reports whether s may stand without quotes in a pvalue as
// [[local-part] "@"] domain-name. It allows fewer characters in the local part
// than RFC 5322: a "=" or "?" there confuses more readers than quotes do.
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !isDomainName(domain) {
		return false
	}
	for i := range len(local) {
		switch c := local[i]; {
		case c == '.' && (i == 0 || i == len(local)-1 || local[i-1] == '.'):
			return false
		case !isAlnum(c) && strings.IndexByte(".#$%&'*+-/^_`{|}~", c) < 0:
			return false
		}
	}
	return true
}

// Address returns local-part@domain if it may stand without quotes in a value, or
// else the domain alone.
func Address(local, domain string) string {
	if address := local + "@" + domain; local != "" && isAddress(address) && len(address) <= maxValue && defuse(address) == address {
		return address
	}
	return domain
}

// isDomainName reports whether s is a domain-name of RFC 6376 section 3.5:
// labels of letters, digits and inner hyphens.
func isDomainName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isKeywordByte reports whether a byte may stand in a keyword. It allows the
// underscore, which some senders write ("perm_fail").
func isKeywordByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// isPrintable reports whether a byte may stand in a field: anything but control
// characters other than white space. checkText checks that bytes beyond ASCII
// are UTF-8.
func isPrintable(c byte) bool {
	return c >= ' ' && c != 0x7f || c == '\t' || c == '\r' || c == '\n' || c >= utf8.RuneSelf
}
