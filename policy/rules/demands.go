package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Local is what we ask for beside DMARC.
type Local struct {
	// SPFFail, SPFSoftfail and SPFPermError are what these results of MAIL FROM
	// (of HELO for a bounce) lead to, unless the same domain has signed the message.
	SPFFail, SPFSoftfail, SPFPermError Demand
	// SPFEarly refuses by them before the message is sent, see [Rules.Early].
	SPFEarly bool
	// OwnDomains are ours. OnOwnDomain is what it leads to if a stranger uses one
	// as author or in MAIL FROM without proof.
	OwnDomains  *addrlist.List
	OnOwnDomain Demand
	// SigningDomains sign all their mail. OnUnsigned is what mail of such authors
	// leads to that bears no valid signature of theirs.
	SigningDomains *addrlist.List
	OnUnsigned     Demand
}

// severe makes our own demands of what would be accepted; the strictest outcome
// counts. What was trusted before is not asked again, nor is an author that is
// never to be refused, nor a forwarder that is trusted: it cannot help that SPF
// fails.
func (r Rules) severe(res *result.Results, v result.Verdict) result.Verdict {
	if asked, _ := r.Trust.author(res.Author.Domain); v.Action != result.Accept || trusted(v) || asked == dmarc.PolicyNone {
		return v
	}
	demands := []result.Verdict{r.onOwnDomain(res), r.onUnsigned(res), r.onSPF(res)}
	if _, trusted := r.Trust.forwarder(res); trusted {
		return v
	}
	for _, d := range demands {
		if severity(d.Action) > severity(v.Action) {
			d.Refused = v.Refused
			v = d
		}
	}
	return v
}

func severity(a result.Action) int {
	switch a {
	case result.Quarantine:
		return 1
	case result.TempFail:
		return 2
	case result.Reject:
		return 3
	}
	return 0
}

// demand makes the verdict of a demand that is not met; the zero verdict if it is
// only to be marked.
func (r Rules) demand(word Demand, rule, code, text string) result.Verdict {
	switch {
	case word == DemandReject, word == DemandQuarantine && r.Quarantine == QuarantineReject:
		return result.Verdict{Action: result.Reject, Rule: rule, Code: code, Text: text}
	case word == DemandQuarantine:
		return result.Verdict{Action: result.Quarantine, Rule: rule, Text: text}
	}
	return result.Verdict{}
}

func demands(word Demand) bool { return word == DemandReject || word == DemandQuarantine }

// onOwnDomain asks for proof of whoever uses a domain of ours.
func (r Rules) onOwnDomain(res *result.Results) result.Verdict {
	own := r.Local.OwnDomains
	if !demands(r.Local.OnOwnDomain) || res.User != "" {
		return result.Verdict{}
	}
	using := res.Author.Domain
	best := r.proof(res, own.Name)
	if own.Name(using) {
		switch {
		case res.DMARC.Status == dmarc.Pass:
			best = proven
		case res.DMARC.Status == dmarc.TempError:
			best = max(best, hidden)
		}
	} else {
		_, domain := message.SplitPath(res.MailFrom)
		name, ok := message.NormalizeDomain(domain)
		if !ok || !own.Name(name) {
			return result.Verdict{}
		}
		using = name
	}
	text := foreign.Line(using, 200) + " is a domain of this server, and nothing proves that this message comes from it"
	switch best {
	case unproven:
		return r.demand(r.Local.OnOwnDomain, result.RuleOwnDomain, "550 5.7.1", text)
	case hidden:
		return deferred(result.Verdict{}, result.RuleTempError, "DNS trouble hides whether this message comes from "+foreign.Line(using, 200))
	}
	return result.Verdict{}
}

// onUnsigned asks for a signature of whoever signs all his mail.
func (r Rules) onUnsigned(res *result.Results) result.Verdict {
	author := res.Author.Domain
	if !demands(r.Local.OnUnsigned) || author == "" || !r.Local.SigningDomains.Name(author) || res.DMARC.DKIMAligned {
		return result.Verdict{}
	}
	theirs := func(domain string) bool { return message.Below(author, domain) || message.Below(domain, author) }
	switch signed(res, theirs) {
	case proven:
		return result.Verdict{}
	case hidden:
		return deferred(result.Verdict{}, result.RuleTempError, explain.HiddenSignature(author))
	}
	// RFC 7372 section 3.1: no signature passes, or none that matches the author.
	code := "550 5.7.20"
	if signed(res, func(string) bool { return true }) == proven {
		code = "550 5.7.22"
	}
	return r.demand(r.Local.OnUnsigned, result.RuleUnsigned, code,
		foreign.Line(author, 120)+" signs all its mail, and this message bears no valid signature of it; "+explain.DKIMFound(res))
}

// onSPF enforces what the domain of MAIL FROM says of the client. A domain that
// signed the message stands by it, whoever forwarded it.
func (r Rules) onSPF(res *result.Results) result.Verdict {
	l := r.Local
	s, ok := res.EnvelopeSPF()
	// Where somebody who logged in sends from says nothing.
	if !ok || s.Domain == "" || res.User != "" || !demands(l.SPFFail) && !demands(l.SPFSoftfail) && !demands(l.SPFPermError) {
		return result.Verdict{}
	}
	if signed(res, func(domain string) bool { return message.Below(s.Domain, domain) }) != unproven {
		return result.Verdict{} // what DNS trouble hides may be its signature
	}
	domain := foreign.Line(s.Domain, 100)
	switch s.Status {
	case spf.Fail:
		text := fmt.Sprintf("SPF: %s does not let %s send its mail", domain, res.Client.IP)
		if s.Explanation != "" {
			// RFC 7208 section 6.2: foreign words are to be told from ours.
			text += fmt.Sprintf("; %s explains: %q", domain, foreign.Line(s.Explanation, 180))
		}
		return r.demand(l.SPFFail, result.RuleSPFFail, "550 5.7.23", text)
	case spf.SoftFail:
		return r.demand(l.SPFSoftfail, result.RuleSPFSoftfail, "550 5.7.23",
			fmt.Sprintf("SPF: %s does not know %s as a sender of its mail", domain, res.Client.IP))
	case spf.PermError:
		return r.demand(l.SPFPermError, result.RuleSPFPermError, "550 5.7.24",
			fmt.Sprintf("SPF of %s ends in an error: %s", domain, foreign.Line(s.Reason, 200)))
	case spf.TempError:
		if r.OnTempError == TempErrorDefer {
			v := deferred(result.Verdict{}, result.RuleSPFTempError, "SPF of "+domain+" could not be evaluated because of DNS trouble")
			v.Code = "451 4.7.24"
			return v
		}
	}
	return result.Verdict{}
}

// whileDegraded is OnDegraded. It concerns only messages of which look-ups
// failed: the others were judged by what the cache knew. What rests on missing
// answers never refuses for good then.
func (r Rules) whileDegraded(res *result.Results, v result.Verdict) result.Verdict {
	if !res.DNS.Degraded || res.DNS.Failed == 0 {
		return v
	}
	o := result.Override{Reason: result.ReasonOther, By: "policy.on_degraded", Text: fmt.Sprintf("DNS is down; look-ups without an answer: %d", res.DNS.Failed)}
	switch {
	case r.OnDegraded == DegradedAccept && v.Action != result.Accept:
		return overridden(v, result.RuleDegraded, o)
	case r.OnDegraded == DegradedDefer && v.Action != result.TempFail && res.DMARC.Status != dmarc.Pass, r.OnDegraded != DegradedAccept && v.Action == result.Reject:
		v = deferred(v, result.RuleDegraded, "The sender could not be checked because DNS is down")
		v.Overrides = append(v.Overrides, o)
	}
	return v
}
