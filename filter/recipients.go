package filter

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxAddress bounds a recipient: RFC 5321 section 4.5.3.1.3 allows 256 octets
// for a path.
const maxAddress = 320

// maxDomains bounds the recipients' domains of a message that are logged.
const maxDomains = 10

// recipientDomains returns the recipients' domains, each once, not more than the first
// maxDomains.
func recipientDomains(recipients []milter.Recipient) []string {
	var domains []string
	for _, r := range recipients {
		_, domain := message.SplitPath(r.Path)
		if name, ok := message.NormalizeDomain(domain); ok {
			domain = name
		}
		if domain == "" || slices.Contains(domains, domain) {
			continue
		}
		if domains = append(domains, domain); len(domains) == maxDomains {
			break
		}
	}
	return domains
}

// cannotRedirect returns why the recipients of a message cannot be replaced, "" if they
// can.
func (s *session) cannotRedirect(m *mail, to string) string {
	switch {
	case !s.conn.CanReplaceRecipients():
		return "the MTA does not let us replace recipients"
	case len(m.to) < m.rcpts:
		return "more recipients than are remembered cannot be replaced"
	case to == "" || len(to) > maxAddress || !foreign.IsPrintable(to) || strings.TrimSpace(to) != to:
		return "the address to redirect to is none"
	}
	return ""
}

// redirect returns the recipients to add and to delete so that a message goes to one
// address only. That address stays if it is a recipient already.
func redirect(recipients []milter.Recipient, to string) (add, remove []string) {
	if !slices.ContainsFunc(recipients, func(r milter.Recipient) bool { return isRecipient(r, to) }) {
		add = append(add, to)
	}
	removed := map[string]bool{}
	for _, r := range recipients {
		if isRecipient(r, to) {
			continue
		}
		for _, name := range namesOf(r) {
			if !removed[name] {
				removed[name] = true
				remove = append(remove, name)
			}
		}
	}
	return add, remove
}

// namesOf returns the names by which the MTA may know a recipient. A client may write a
// route as in "@a:user@b", which Postfix drops, so the address as written is not found
// there. An address without a domain is left out: Sendmail's local delivery maps
// several addresses to it, perhaps also the one that the message goes to.
func namesOf(r milter.Recipient) []string {
	if r.Addr == r.Path || !strings.Contains(r.Addr, "@") {
		return []string{r.Path}
	}
	return []string{r.Path, r.Addr}
}

// isRecipient reports whether a recipient has an address. Case does not count, because
// MTAs ignore it when they drop duplicates.
func isRecipient(r milter.Recipient, address string) bool {
	return slices.ContainsFunc(namesOf(r), func(name string) bool { return strings.EqualFold(name, address) })
}
