package addrlist

import (
	"strings"
	"unicode"

	"github.com/postvet/postvet/policy/message"
)

// Mailboxes is a set of mail addresses. Case does not count, as MTAs ignore it. A nil
// *Mailboxes is empty.
type Mailboxes struct {
	addresses map[string]bool
	domains   map[string]bool
}

// NewMailboxes returns a set of addresses, whose domains are in A-labels. It is nil for
// none.
func NewMailboxes(addresses ...string) *Mailboxes {
	if len(addresses) == 0 {
		return nil
	}
	m := &Mailboxes{map[string]bool{}, map[string]bool{}}
	for _, a := range addresses {
		a = strings.ToLower(a)
		_, domain := message.SplitPath(a)
		m.addresses[a], m.domains[domain] = true, true
	}
	return m
}

// maxMailbox bounds an address that is looked up (RFC 5321 section 4.5.3.1).
const maxMailbox = 320

// Has reports whether a path of an SMTP envelope is an address of the set. Plain paths,
// as all that are not written to deceive, cost no allocation.
func (m *Mailboxes) Has(path string) bool {
	if m == nil || len(path) > 2*maxMailbox {
		return false
	}
	local, domain := message.SplitPath(path)
	if !m.HasDomain(domain) {
		return false
	}
	if strings.HasPrefix(local, `"`) { // RFC 5321 section 4.1.2: the quotes are no part of the name
		local = unquoted(local)
	}
	if len(local)+1+len(domain) > maxMailbox {
		return false
	}
	var buffer [maxMailbox]byte
	b := append(appendLower(buffer[:0], local), '@')
	if !plain(domain) {
		domain, _ = message.NormalizeDomain(domain)
	}
	return m.addresses[string(appendLower(b, domain))]
}

// HasDomain reports whether a domain is that of an address of the set.
func (m *Mailboxes) HasDomain(domain string) bool {
	switch {
	case m == nil || len(domain) > maxMailbox:
		return false
	case !plain(domain):
		name, ok := message.NormalizeDomain(domain)
		return ok && m.domains[name]
	}
	var buffer [maxMailbox]byte
	return m.domains[string(appendLower(buffer[:0], domain))]
}

// plain reports whether a domain is one of A-labels without a dot at its end.
func plain(domain string) bool {
	for i := range len(domain) {
		if domain[i] >= 0x80 {
			return false
		}
	}
	return !strings.HasSuffix(domain, ".")
}

// appendLower appends a text in lower case.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// mailboxOf returns a path of an SMTP envelope as a List keeps it, and its domain; "" for
// what is none.
func mailboxOf(path string) (mailbox, domain string) {
	if len(path) > 2*maxMailbox {
		return "", ""
	}
	local, of := message.SplitPath(path)
	domain, ok := message.NormalizeDomain(of)
	if !ok {
		return "", ""
	}
	if strings.HasPrefix(local, `"`) {
		local = unquoted(local)
	}
	if local == "" || len(local)+1+len(domain) > maxMailbox || strings.ContainsFunc(local, unicode.IsControl) {
		return "", domain
	}
	return strings.ToLower(local) + "@" + domain, domain
}

// unquoted returns the text of a quoted string.
func unquoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			continue
		case '\\':
			if i++; i == len(s) {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
