package policy

import (
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// RecipientFields are the header fields to sign for some domains of recipients.
type RecipientFields struct {
	Domains *addrlist.List
	Fields  []dkim.FieldRule
}

// signedFields returns the header fields to sign: those for the domains of its recipients,
// if one entry has all of them, otherwise those for everybody.
func (m *Message) signedFields() []dkim.FieldRule {
	o := m.conn.checker.opt.Signing
	if m.more || len(m.recipients) == 0 {
		return o.Fields
	}
	for _, r := range o.Recipients {
		if r.Domains.HasNames() && m.allRecipientsIn(r.Domains) {
			return r.Fields
		}
	}
	return o.Fields
}

func (m *Message) allRecipientsIn(domains *addrlist.List) bool {
	for _, r := range m.recipients {
		_, domain := message.SplitPath(r)
		if name, ok := message.NormalizeDomain(domain); !ok || !domains.Name(name) {
			return false
		}
	}
	return true
}
