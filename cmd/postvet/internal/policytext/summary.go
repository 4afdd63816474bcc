package policytext

import (
	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/rules"
)

// Summary says for a person who knows no standard what is done with mail, a sentence for each
// of the settings that matter most.
func Summary(c *config.Config) []string {
	list := []string{}
	if n := len(c.RuleList()); n > 0 {
		list = append(list, "Rules of your own are asked first: "+layout.Count(n, "rule")+".")
	}
	if c.Policy.DMARC == rules.DMARCMark {
		list = append(list, "The wishes of authors' domains (DMARC) are only noted in the message; they refuse no mail.")
	} else {
		list = append(list, OnReject(c.Policy.OnReject), summaryOfQuarantine(c.Policy.Quarantine))
	}
	if c.Policy.OwnDomains.Set.Len() > 0 {
		list = append(list, "Mail from outside that claims without proof to be from one of your domains is "+demand(c.Policy.OnOwnDomain)+".")
	}
	if d := c.Policy.SPFFail; d != rules.DemandMark {
		list = append(list, "Mail of a client that may not send for its sender's domain (SPF fail) is "+demand(d)+".")
	}
	if n := c.Trust.Forwarders.Set.Len() + c.Trust.Sealers.Set.Len(); n > 0 {
		list = append(list, "Mail that trusted forwarders hand on is accepted although it fails: "+entriesOf(n)+".")
	}
	if n := len(c.AuthorOverrides); n > 0 {
		list = append(list, "You decide yourself about mail of some authors: "+layout.Count(n, "domain")+".")
	}
	if c.Sign.Signs() {
		list = append(list, "Mail of your users is signed (DKIM) if there is an active key for its author's domain.")
	}
	return list
}

// CarriedOut says whether what is decided is done.
func CarriedOut(c *config.Config) string {
	p := &c.Policy
	switch {
	case c.Mode == rules.Monitor && p.EnforceDomains.Set.HasNames():
		return "Postvet only monitors: it notes what it would do, and all mail is delivered but that of some authors, for whom it decides."
	case c.Mode == rules.Monitor:
		return "Postvet only monitors: it notes what it would do, and all mail is delivered."
	case p.MonitorDomains.Set.HasNames() || p.MonitorRecipients.Set.HasNames() || len(p.MonitorListeners) > 0:
		return "The mail server carries out what Postvet decides, but for some mail that is only monitored."
	}
	return "The mail server carries out what Postvet decides."
}

// OnReject says what becomes of mail that fails and that its author's domain wants refused.
func OnReject(o rules.OnReject) string {
	switch o {
	case rules.RejectJudge:
		return "If mail fails DMARC and its author's domain asks to refuse it, it is refused if evidence speaks for a forgery, and none for a mailing list or a forwarder. Otherwise it is treated as suspicious."
	case rules.RejectQuarantine:
		return "If mail fails DMARC and its author's domain asks to refuse it, it is not refused for that alone; it is treated as suspicious."
	}
	return "Mail that fails DMARC is refused if its author's domain asks for that, also if a mailing list or a forwarder made it fail."
}

func summaryOfQuarantine(q rules.Quarantine) string {
	switch q {
	case rules.QuarantineTag:
		return "Suspicious mail is delivered with a mark in its header."
	case rules.QuarantineReject:
		return "Suspicious mail is refused."
	}
	return "Suspicious mail is held in the queue of the mail server until somebody looks."
}

func demand(d rules.Demand) string {
	switch d {
	case rules.DemandReject:
		return "refused"
	case rules.DemandQuarantine:
		return "treated as suspicious"
	}
	return "delivered, and marked in its header"
}
