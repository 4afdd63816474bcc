package config

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/sign"
)

// Seal is which messages are sealed by ARC, and in whose name.
type Seal struct {
	Domain, Selector string
	Recipients       List
	Networks         List
	Listeners        []string // as Policy.MonitorListeners
	Local            bool
}

func (s *Seal) section() section {
	return section{name: "seal", comment: `Which messages from outside that you forward are sealed by ARC (RFC 8617), for
the next host to see who sent them before you forwarded them. It helps only
with receivers that have listed you as a trusted sealer; see postvet-seal(7).
Mail that your users write is never sealed. Nothing is sealed unless domain is
set. The keys are those of [sign], and a key seals once the DNS shows it.`, keys: []key{
		{
			name: "domain", value: text(&s.Domain, "", checkSealDomain),
			comment: `Seal as this domain, such as "example.org", with its newest RSA key.`,
		},
		{
			name: "selector", value: text(&s.Selector, "", checkSealSelector),
			comment: "Seal with the key of this selector alone; empty: with any key of the domain.",
		},
		{
			name: "recipients", value: entries(&s.Recipients, addrlist.Names, 0),
			comment: `Domains of recipients whose mail your server sends on to other hosts unchanged
(aliases, .forward). It is sealed when it arrives, with the results that were
found then.`,
		},
		{
			name: "networks", value: entries(&s.Networks, addrlist.Addresses, 0),
			comment: `Clients that hand in again what came from outside, perhaps changed: a mailing
list, a content filter. It is sealed with the results in the fields
(Authentication-Results) that this server gave it on its arrival, never by a
second check. Such a client is trusted: its mail is not checked, and its
fields in your name stay. Users who have logged in do not count.`,
		},
		{
			name: "listeners", value: list(&s.Listeners, checkListener, `write a list, such as ["inet:127.0.0.1:8892"]`),
			comment: `Listeners that only such clients reach, as in sign.listeners.`,
		},
		{
			name: "local", value: truth(&s.Local, false),
			comment: `Local programs that submit messages without SMTP are such clients (a list
manager that calls sendmail). Every program on the machine can then have
forged results sealed.`,
		},
	}}
}

// checkSealDomain accepts a domain name of two labels at least.
func checkSealDomain(s string) (normal, problem, remedy string) {
	normal, ok := message.NormalizeDomain(s)
	if s != "" && (!ok || !strings.Contains(normal, ".")) {
		return "", fmt.Sprintf("%q is no domain name", s), `write a domain that has a key, such as "example.org"`
	}
	return normal, "", ""
}

// checkSealSelector accepts the name of a selector.
func checkSealSelector(s string) (normal, problem, remedy string) {
	normal, ok := message.NormalizeDomain(s)
	if s != "" && !ok {
		return "", fmt.Sprintf("%q is no selector", s), `write a name such as "s2026"`
	}
	return normal, "", ""
}

func (s *Seal) conflicts(x *conflicts) {
	const remedy = `name the domain that seals, such as "example.org"`
	forwards := len(s.Recipients.Entries) > 0 || len(s.Networks.Entries) > 0 || len(s.Listeners) > 0 || s.Local
	switch {
	case s.Domain == "" && len(s.Recipients.Entries) > 0:
		x.noEffect("seal.recipients", "seal.domain", remedy)
	case s.Domain == "" && len(s.Networks.Entries) > 0:
		x.noEffect("seal.networks", "seal.domain", remedy)
	case s.Domain == "" && len(s.Listeners) > 0:
		x.noEffect("seal.listeners", "seal.domain", remedy)
	case s.Domain == "" && s.Local:
		x.noEffect("seal.local", "seal.domain", remedy)
	case s.Domain != "" && !x.config.Sign.Signs():
		x.noEffect("seal.domain", "sign.keys", `name the directory of the private keys, such as "/etc/postvet/keys"`)
	case s.Domain != "" && !forwards:
		x.noEffect("seal.domain", "seal.recipients, seal.networks, seal.listeners or seal.local", "say which mail you forward")
	}
	x.everybody("seal.networks", s.Networks, "trusts", "list your own list servers and filters")
}

// Sealing returns how forwarded messages are sealed, by the keys of a source; nil if none
// are.
func (c *Config) Sealing(source policy.SigningKeys) *policy.Sealing {
	s := &c.Seal
	if s.Domain == "" {
		return nil
	}
	o := sign.SealOptions{Recipients: s.Recipients.Set, Networks: s.Networks.Set, Local: s.Local}
	o.Sockets, o.Daemons = socketsAndDaemons(s.Listeners)
	return &policy.Sealing{Options: o, Domain: s.Domain, Selector: s.Selector, Keys: source}
}
