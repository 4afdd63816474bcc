package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Warnings returns settings that are valid but may not do what was meant, in the
// form of faults.
func (c *Config) Warnings() Errors {
	list := slices.Concat(c.signWarnings(), c.sealWarnings(), c.webWarnings())
	p := c.Policy
	// If the author may cause monitoring, nothing is rejected at RCPT.
	if !p.SPFEarly || c.Mode == rules.Monitor || p.MonitorDomains.Set.HasNames() {
		return list
	}
	early := func(set bool, passes, because, remedy string) {
		if set {
			list = append(list, c.fault("policy.spf_early", "may refuse at RCPT what "+passes+": "+because, "write spf_early = false, or "+remedy))
		}
	}
	const hosts = "list the hosts that hand it on in trust.forwarders"
	spared := c.neverRefused()
	early(len(spared) > 0, "author_overrides never refuses ("+some(spared)+")", "the author is not known before the header", hosts)
	early(c.Trust.Forwarders.Set.HasSigners(), "trust.forwarders lets pass by \"dkim:\"", "signatures stand in the header", "list these forwarders by address or name")
	early(c.Trust.Sealers.Set.HasNames(), "trust.sealers lets pass", "seals stand in the header", hosts)
	early(p.MailingLists != rules.MailingListsStrict, "policy.mailing_lists does not refuse", "the marks of a list stand in the header", hosts)
	accepting := c.acceptingLate()
	early(len(accepting) > 0, "rules of your own accept ("+some(accepting)+")", "they are asked when the message has come", hosts)
	return list
}

// sealWarnings names a client that is trusted as a relay and as one that hands mail in again.
func (c *Config) sealWarnings() Errors {
	both := c.Seal.Networks.Set.Common(c.Trust.Relays.Set)
	if c.Seal.Domain == "" || !both.IsValid() {
		return nil
	}
	return Errors{c.fault("seal.networks", fmt.Sprintf("has no effect on %s, which is in trust.relays too: its mail is checked as that of the host before it", both),
		"remove it from trust.relays if it hands in what came here before, otherwise from seal.networks")}
}

// Notes returns settings that may need another one beside them, in the form of faults.
func (c *Config) Notes() Errors {
	if !c.Sign.Signs() || c.Sign.DryRun || len(c.Sign.Listeners) == 0 || c.Policy.OnOwnDomain == rules.DemandReject {
		return nil
	}
	// Whether it signs is decided by what our field says of the arrival.
	problem := "if a list server is among them, mail that a stranger sends to the list in your name comes back through the list, and is signed if the list server removes Postvet's Authentication-Results field"
	remedy := `write [policy] own_domains with your domains and on_own_domain = "reject", or have the list server keep the field`
	if c.Sign.Relayed == RelayedSign {
		problem = "if a list server is among them, mail that a stranger sends to the list in your name comes back through the list, and is signed, as sign.relayed says"
		remedy = `write [policy] own_domains with your domains and on_own_domain = "reject", or sign.relayed = "unsigned"`
	}
	return Errors{c.fault("sign.listeners", problem, remedy)}
}

// neverRefused returns the domains of author_overrides with "none".
func (c *Config) neverRefused() []string {
	var domains []string
	for domain, o := range c.AuthorOverrides {
		if o.Policy == dmarc.PolicyNone {
			domains = append(domains, domain)
		}
	}
	slices.Sort(domains)
	return domains
}

// acceptingLate returns the rules that accept messages which may have been rejected
// at RCPT.
func (c *Config) acceptingLate() []string {
	var names []string
	for _, r := range c.rules {
		if r.Action == result.Accept && !r.Monitor && c.refusedEarly(r) {
			names = append(names, fmt.Sprintf("%s in %s", r.Name, r.origin))
		}
	}
	return names
}

// refusedEarly reports whether a message that matches a rule may be rejected at
// RCPT by its SPF result. That excludes messages from relays and from clients that
// logged in.
func (c *Config) refusedEarly(r rule) bool {
	var results []string
	for _, refused := range []struct {
		word string
		by   bool
	}{
		{"fail", c.Policy.SPFFail == rules.DemandReject},
		{"softfail", c.Policy.SPFSoftfail == rules.DemandReject},
		{"permerror", c.Policy.SPFPermError == rules.DemandReject},
		{"temperror", c.Policy.OnTempError == rules.TempErrorDefer},
	} {
		if refused.by {
			results = append(results, refused.word)
		}
	}
	result, _ := condition.KeyNamed("spf")
	early, problem, _ := condition.NewTest(result, results, condition.Lists{})
	if problem != "" {
		return false // nothing is rejected at RCPT
	}
	login, _ := condition.KeyNamed("authenticated")
	tests := append(slices.Clone(r.Tests), early, condition.NewBool(login, false))
	relayed := func(t *condition.Test) bool { return t.Uses("relay") } // only messages from relays match it
	return !slices.ContainsFunc(r.Tests, relayed) && condition.Contradiction(tests, r.If) == ""
}

// some returns the first names of a list.
func some(names []string) string {
	const most = 3
	if n := len(names); n > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(names, ", ")
}
