package redaction

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// results tells a field of Authentication-Results: its methods, their results, and the
// domains that they are about.
func (w *writer) results(f message.Field) string { return w.Results(f.Value()) }

// recorded is results for the field of a sealer, which begins with its instance.
func (w *writer) recorded(f message.Field) string {
	instance, rest, _ := strings.Cut(f.Value(), ";")
	instance = strings.Join(strings.Fields(instance), "")
	if value := w.Results(rest); value != "" && strings.HasPrefix(instance, "i=") && len(instance) <= len("i=50") && isToken(instance) {
		return instance + "; " + value
	}
	return ""
}

// Properties of results that are told: of identities, and of others. What a receiver's own
// policy and its logins say is left out.
var (
	identities = []string{"header.d", "header.i", "header.from", "smtp.mailfrom", "smtp.helo"}
	properties = []string{"header.s", "header.a", "header.b", "header.oldest-pass", "smtp.remote-ip", "policy.iprev", "policy.dmarc"}
)

// Results returns the value of an Authentication-Results field as it may be told, on one
// line; "" if it cannot be read. Reasons are left out: they are words of others.
func (k Key) Results(value string) string {
	id, methods, err := authres.Parse(value)
	if err != nil {
		return ""
	}
	for i := range methods {
		m := &methods[i]
		m.Reason = ""
		all := m.Properties
		m.Properties = nil
		for _, p := range all {
			switch name := p.Type + "." + p.Name; {
			case slices.Contains(identities, name):
				p.Value = k.identity(p.Value)
			case !slices.Contains(properties, name) || !isToken(p.Value):
				p.Value = ""
			}
			if p.Value != "" {
				m.Properties = append(m.Properties, p)
			}
		}
	}
	return strings.Join(strings.Fields(authres.Format(id, methods)), " ")
}

// identity returns an address with its local part replaced, or a domain; "" for what is
// neither.
func (k Key) identity(s string) string {
	if strings.Contains(s, "@") {
		return k.Path(s)
	}
	if name, ok := message.NormalizeDomain(s); ok && strings.Contains(name, ".") {
		return name
	}
	return ""
}
