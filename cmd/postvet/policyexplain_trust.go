package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// trustSteps are what the keys of trust and local policy make of what DMARC
// decided, as far as they are set, in the order of package policy.
func trustSteps(c *config.Config) []step {
	steps := authorSteps(c)
	add := func(set bool, name, when, then string) {
		if set {
			steps = append(steps, step{name, when, then})
		}
	}
	add(c.Trust.Forwarders.Set != nil, result.RuleTrustedForwarder,
		"the client or a signer is one of trust.forwarders ("+entries(c.Trust.Forwarders)+")", "accepted, and not asked for more")
	add(c.Trust.Sealers.Set != nil, result.RuleTrustedSealer,
		"it would be refused or held, and sealers of trust.sealers ("+entries(c.Trust.Sealers)+") saw the author authenticated", "accepted")
	lists := map[rules.MailingLists]string{rules.MailingListsQuarantine: held(c, "refused all the same"), rules.MailingListsAccept: "accepted"}
	add(lists[c.Policy.MailingLists] != "", result.RuleMailingList,
		"it would be refused or held, and looks like the work of a mailing list", lists[c.Policy.MailingLists])
	add(c.Policy.SenderDomain == rules.SenderDomainReject, result.RuleSenderDomain,
		"a domain of the sender accepts no mail, and nobody was trusted above", "550 5.7.27 for a null MX, 550 5.1.8 without a domain or address")
	for _, d := range []struct {
		word             rules.Demand
		name, when, code string
	}{
		{c.Policy.OnOwnDomain, result.RuleOwnDomain, "a stranger uses one of policy.own_domains (" + entries(c.Policy.OwnDomains) + ") without proof", "550 5.7.1"},
		{c.Policy.OnUnsigned, result.RuleUnsigned, "the author is of policy.signing_domains (" + entries(c.Policy.SigningDomains) + "), which did not sign", "550 5.7.20 or 550 5.7.22"},
		{c.Policy.SPFFail, result.RuleSPFFail, "SPF fail, and no signature of the same domain", "550 5.7.23"},
		{c.Policy.SPFSoftfail, result.RuleSPFSoftfail, "SPF softfail, and no signature of the same domain", "550 5.7.23"},
		{c.Policy.SPFPermError, result.RuleSPFPermError, "SPF permerror, and no signature of the same domain", "550 5.7.24"},
	} {
		then := d.code
		if d.word == rules.DemandQuarantine {
			then = held(c, d.code)
		}
		if c.Policy.SPFEarly && d.word == rules.DemandReject && strings.HasPrefix(d.name, "spf-") {
			d.when, _, _ = strings.Cut(d.when, ",")
			then += " at RCPT, before the message is sent and before your own rules are asked"
		}
		add(d.word != rules.DemandMark, d.name, d.when, then)
	}
	degraded := map[rules.Degraded]string{
		rules.DegradedJudge: "451 4.4.3 where it would be refused", rules.DegradedDefer: "451 4.4.3 unless DMARC passes", rules.DegradedAccept: "accepted",
	}
	add(true, result.RuleDegraded, "DNS is down altogether, and look-ups for this message failed", degraded[c.Policy.OnDegraded])
	return steps
}

// authorSteps are the author_overrides, the longest names first, as they count.
func authorSteps(c *config.Config) []step {
	const most = 20
	then := map[dmarc.Policy]string{dmarc.PolicyReject: "550 5.7.26", dmarc.PolicyQuarantine: held(c, "550 5.7.26"), dmarc.PolicyNone: "accepted, whatever the domain asks for"}
	domains := slices.SortedFunc(maps.Keys(c.AuthorOverrides), func(a, b string) int {
		if n := strings.Count(b, ".") - strings.Count(a, "."); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	var steps []step
	for i, d := range domains {
		if i == most {
			steps = append(steps, step{result.RuleAuthorOverride, fmt.Sprintf("and %d more domains of [author_overrides]", len(domains)-most), "as said there"})
			break
		}
		steps = append(steps, step{result.RuleAuthorOverride, "the author is of " + d + " or below, and DMARC does not pass", then[c.AuthorOverrides[d]]})
	}
	return steps
}

func entries(l config.List) string {
	if n := l.Set.Len(); n != 1 {
		return fmt.Sprintf("%d entries", n)
	}
	return "1 entry"
}
