package filter

import (
	"slices"
	"strings"

	"github.com/emersion/go-milter"
	"github.com/postvet/postvet/policy/foreign"
)

// maxAddress bounds a recipient: RFC 5321 section 4.5.3.1.3 allows 256 octets
// for a path.
const maxAddress = 320

// cannotRedirect says why the recipients of a message cannot be replaced; "" if
// they can.
func (s *session) cannotRedirect(m *mail, to string) string {
	switch {
	case !s.wire.agreed.can(milter.OptAddRcpt) || !s.wire.agreed.can(milter.OptRemoveRcpt):
		return "the MTA does not let us replace recipients"
	case len(m.to) < m.rcpts:
		return "more recipients than are remembered cannot be replaced"
	case to == "" || len(to) > maxAddress || !foreign.IsPrintable(to) || strings.TrimSpace(to) != to:
		return "the address to redirect to is none"
	}
	return ""
}

// recipient is one as the client wrote it, and as the MTA reads it ("" if it does
// not tell).
type recipient struct{ written, read string }

// names are what the MTA may know the recipient by. Postfix drops the route of
// "@a:user@b", which a client may write, and then does not find what was
// written. A name without a domain is what Sendmail's local delivery makes of
// several addresses, perhaps also of the one that the message goes to.
func (r recipient) names() []string {
	if r.read == r.written || !strings.Contains(r.read, "@") {
		return []string{r.written}
	}
	return []string{r.written, r.read}
}

// is reports whether this is an address. MTAs take addresses that differ in
// case for the same, at least when they drop duplicates.
func (r recipient) is(address string) bool {
	return slices.ContainsFunc(r.names(), func(name string) bool { return strings.EqualFold(name, address) })
}

// redirect replaces the recipients. The new one is there before the others go:
// a message without recipients is none. One who is a recipient already stays.
func redirect(mod *milter.Modifier, recipients []recipient, to string) {
	if !slices.ContainsFunc(recipients, func(r recipient) bool { return r.is(to) }) {
		mod.AddRecipient(to)
	}
	gone := map[string]bool{}
	for _, r := range recipients {
		if r.is(to) {
			continue
		}
		for _, name := range r.names() {
			if !gone[name] {
				gone[name] = true
				mod.DeleteRecipient(name)
			}
		}
	}
}
