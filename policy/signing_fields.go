package policy

import (
	"slices"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
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
		domains := r.Domains.At(m.arrived)
		if !slices.ContainsFunc(m.recipients, func(rcpt string) bool { return !domains.DomainOf(rcpt) }) {
			return r.Fields
		}
	}
	return o.Fields
}
