package route

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/message"
)

// recipient is an address taken apart.
type recipient struct {
	local  string
	domain string // in lower-case A-labels, "" for a literal
	// unicode is the domain as it was written, if it had characters beyond ASCII.
	unicode string
	literal netip.Addr // of user@[192.0.2.1]
}

// The errors of addresses. Each says what to write.
var (
	errNoDomain = errors.New("it has no domain; write USER@DOMAIN")
	errLocal    = errors.New("the part before the @ cannot be a mailbox; write one such as ann@example.org")
	errDomain   = errors.New("the part behind the @ is no domain name; write one such as example.org")
	errLiteral  = errors.New("the part in brackets is no address; write [192.0.2.1] or [IPv6:2001:db8::1]")
)

// maxLocal is RFC 5321 section 4.5.3.1.1.
const maxLocal = 64

// parseRecipient takes an address apart (RFC 5321 section 4.1.2).
func parseRecipient(address string) (r recipient, err error) {
	address = strings.TrimSpace(address)
	local, domain := message.SplitPath(address)
	r.local = local
	switch {
	case domain == "" && !strings.Contains(address, "@"):
		return r, errNoDomain
	case !validLocal(local):
		return r, errLocal
	}
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		r.literal, err = parseLiteral(literal)
		return r, err
	}
	r.domain, _ = message.NormalizeDomain(domain)
	if r.domain == "" {
		return r, errDomain
	}
	if _, err := netip.ParseAddr(r.domain); err == nil {
		return r, errDomain // RFC 5321 section 4.1.3: an address stands in brackets
	}
	if _, ok := message.NormalizeASCII(domain); !ok {
		r.unicode = domain
	}
	return r, nil
}

// parseLiteral reads an address literal without its first bracket (RFC 5321 section
// 4.1.3).
func parseLiteral(s string) (netip.Addr, error) {
	s, ok := strings.CutSuffix(s, "]")
	if !ok {
		return netip.Addr{}, errLiteral
	}
	v6 := len(s) > 5 && strings.EqualFold(s[:5], "IPv6:")
	if v6 {
		s = s[5:]
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || ip.Is4() == v6 {
		return netip.Addr{}, errLiteral
	}
	return ip, nil
}

// validLocal reports whether a text can be a local part: a dot-string or a quoted string
// (RFC 5321 section 4.1.2), which may have characters beyond ASCII (RFC 6531).
func validLocal(s string) bool {
	if s == "" || len(s) > maxLocal || !utf8.ValidString(s) {
		return false
	}
	if s[0] == '"' {
		return validQuoted(s)
	}
	if s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c == 0x7f || strings.ContainsRune(`()<>[]:;@\,"`, c)
	})
}

func validQuoted(s string) bool {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i == len(s)-1
		case c == '\\':
			i++
			if i == len(s) || s[i] < ' ' || s[i] > '~' {
				return false
			}
		case c < ' ' || c == 0x7f:
			return false
		}
	}
	return false
}
