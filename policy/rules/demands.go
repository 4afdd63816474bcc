package rules

import (
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Local has this server's own demands, which do not depend on DMARC records.
type Local struct {
	// SPFFail, SPFSoftfail and SPFPermError are what these results of MAIL FROM
	// (of HELO for a bounce) lead to, unless the same domain signed the message.
	SPFFail, SPFSoftfail, SPFPermError Demand
	// SPFEarly applies them also before the message is sent, see [Rules.Early].
	SPFEarly bool
	// OwnDomains are the domains of this server. OnOwnDomain is what a message
	// leads to that uses one as author domain or in MAIL FROM without proof.
	OwnDomains  *addrlist.List
	OnOwnDomain Demand
	// SigningDomains sign all their mail. OnUnsigned is what a message of such an
	// author leads to without a valid signature of the author's domain.
	SigningDomains *addrlist.List
	OnUnsigned     Demand
}

// demand applies the verdict of a demand that an accepted message does not meet. The
// strictest of several verdicts counts. There are no demands on a message that was
// accepted by trust, whose author is never to be refused, or whose forwarder is
// trusted, since forwarding breaks SPF.
func (r *Rules) demand(d *decision, v result.Verdict) {
	if !d.demanded {
		if d.verdict.Action != result.Accept || d.trusted() {
			return
		}
		if asked, _ := r.Trust.author(d.results.Author.Domain, d.results.Arrived); asked == dmarc.PolicyNone {
			return
		}
		if _, trusted := r.Trust.forwarder(d.results); trusted {
			return
		}
	}
	if strictness(v.Action) > strictness(d.verdict.Action) {
		v.Refused = d.verdict.Refused
		d.verdict, d.demanded = v, true
	}
}

// strictness returns the rank of an action among those of demands.
func strictness(a result.Action) int {
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

// ownDomain demands proof of a message that uses a domain of this server.
func (r *Rules) ownDomain(d *decision) {
	want, res, own := r.action(stepOwnDomain), d.results, r.Local.OwnDomains
	if want == "" || res.User != "" {
		return
	}
	using := res.Author.Domain
	best := authenticated(res, own.Name)
	if own.Name(using) {
		switch res.DMARC.Status {
		case dmarc.Pass:
			best = proven
		case dmarc.TempError:
			best = max(best, undecided)
		}
	} else {
		_, domain := message.SplitPath(res.MailFrom)
		name, ok := message.NormalizeDomain(domain)
		if !ok || !own.Name(name) {
			return
		}
		using = name
	}
	using = foreign.Line(using, 200)
	switch best {
	case unproven:
		r.demand(d, stepOwnDomain.verdict(want, using+" is a domain of this server, and nothing proves that this message comes from it"))
	case undecided:
		r.demand(d, postponed(result.RuleTempError, "A DNS failure hides whether this message comes from "+using))
	}
}

// unsigned demands a signature of a domain that signs all its mail.
func (r *Rules) unsigned(d *decision) {
	want, res := r.action(stepUnsigned), d.results
	author := res.Author.Domain
	if want == "" || author == "" || !r.Local.SigningDomains.Name(author) || res.DMARC.DKIMAligned {
		return
	}
	switch signed(res, func(domain string) bool { return message.Below(author, domain) || message.Below(domain, author) }) {
	case unproven:
		v := stepUnsigned.verdict(want, foreign.Line(author, 120)+" signs all its mail, and this message bears no valid signature of it; "+explain.DKIMFound(res))
		if v.Code != "" && signed(res, func(string) bool { return true }) == proven {
			v.Code = steps[stepUnsigned].Codes[1].Reply // another domain's signature passes
		}
		r.demand(d, v)
	case undecided:
		r.demand(d, postponed(result.RuleTempError, explain.HiddenSignature(author)))
	}
}
