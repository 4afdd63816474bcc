package policy

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// choose has the administrator's rules say whether the message is signed, and by which key.
// The results are those of the whole message, as far as it is checked.
func (m *Message) choose(all *result.Results) {
	s, o := m.signing, m.conn.checker.opt.Signing
	var choice result.SigningChoice
	if o.Choose != nil {
		seen := *all
		seen.Signing = &s.result
		choice = o.Choose(&seen)
	}
	if choice.None {
		s.unsigned(sign.ByRule, "rule "+choice.Rule)
		return
	}
	domain := s.result.Domain
	s.keys = slices.DeleteFunc(s.keys, func(c candidate) bool {
		if choice.Selector != "" {
			return c.key.Selector != choice.Selector
		}
		return slices.Contains(o.Reserved, c.key.Selector)
	})
	switch {
	case len(s.keys) > 0 || s.err != nil:
	case choice.Selector != "":
		s.unsigned(sign.NoKey, "rule "+choice.Rule+": "+domain+" has no key "+choice.Selector)
	case len(o.Reserved) > 0:
		s.unsigned(sign.NoKey, "all keys of "+domain+" are for rules")
	}
}
