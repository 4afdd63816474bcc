package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
)

// onSender refuses mail of a domain that mail cannot be sent to. Whom the
// administrator trusts it does not refuse, as DMARC and SPF do not: a forwarder
// cannot help what stands in the message, nor an author that is never to be
// refused. What waits for an answer of the DNS goes on waiting.
func (r Rules) onSender(res *result.Results, v result.Verdict) result.Verdict {
	d, refused := r.judgeSender(res)
	if !refused || v.Action == result.TempFail || v.Action == result.Accept && trusted(v) {
		return v
	}
	instead := fmt.Sprintf("instead of policy.sender_domain = %q", r.SenderDomain)
	if asked, key := r.Trust.author(res.Author.Domain); asked == dmarc.PolicyNone {
		return overridden(v, result.RuleAuthorOverride, result.Override{Reason: result.ReasonLocalPolicy, By: "author_overrides." + key, Text: "none " + instead})
	}
	o, trusted := r.Trust.forwarder(res)
	switch {
	case trusted:
		o.Text += " " + instead
		return overridden(v, result.RuleTrustedForwarder, o)
	case o.Text != "" && v.Action == result.Accept: // otherwise lenient has noted it
		v.Refused = append(v.Refused, o)
	}
	d.Refused = v.Refused
	return d
}

// judgeSender is the refusal of mail whose sender's domain accepts none; false if
// there is nothing to refuse. DNS trouble refuses nobody.
func (r Rules) judgeSender(res *result.Results) (result.Verdict, bool) {
	if r.SenderDomain != SenderDomainReject {
		return result.Verdict{}, false
	}
	for _, d := range res.SenderDomains {
		whose := "the sender's domain"
		if d.Identity == result.SenderAuthor {
			whose = "the author's domain"
		}
		v := result.Verdict{Action: result.Reject, Rule: result.RuleSenderDomain, Text: fmt.Sprintf("Message refused: %s %s accepts no mail: %s",
			whose, foreign.Line(d.Domain, 120), d.Reason)}
		switch d.Status {
		case mx.NullMX:
			v.Code = "550 5.7.27" // RFC 7505 section 4.2
			return v, true
		case mx.NoAddress, mx.NoDomain:
			v.Code = "550 5.1.8" // RFC 3463 section 3.2: bad sender's system address
			return v, true
		}
	}
	return result.Verdict{}, false
}
