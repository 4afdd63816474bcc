package policy

import (
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// unproven returns the author domain that a stranger used without proof when the message
// arrived, by our newest field in it that has a DMARC result; "" if none says so. A list
// server hands such a message in as its own. A field that cannot be read proves nothing.
func (m *Message) unproven() string {
	methods, _, err := authres.Merge(m.header, m.conn.checker.opt.AuthservID)
	if err != nil {
		return m.author.Domain
	}
	for _, r := range methods {
		if r.Name != "dmarc" {
			continue
		}
		if r.Result == "pass" {
			return ""
		}
		for _, p := range r.Properties {
			if domain, ok := message.NormalizeDomain(p.Value); ok && p.Type == "header" && p.Name == "from" {
				return domain
			}
		}
		return m.author.Domain
	}
	return ""
}
