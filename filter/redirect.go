package filter

import (
	"github.com/emersion/go-milter"
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
	case to == "" || len(to) > maxAddress || line(to, maxAddress) != to:
		return "the address to redirect to is none"
	}
	return ""
}

// redirect replaces the recipients. The new one is there before the others go:
// a message without recipients is none. One who is a recipient already stays.
func redirect(mod *milter.Modifier, recipients []string, to string) {
	already := false
	for _, r := range recipients {
		already = already || r == to
	}
	if !already {
		mod.AddRecipient(to)
	}
	gone := map[string]bool{to: true}
	for _, r := range recipients {
		if !gone[r] {
			gone[r] = true
			mod.DeleteRecipient(r)
		}
	}
}
