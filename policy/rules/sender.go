package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
)

// senderDomain rejects a message of a sender to whose domain no mail can be sent. It
// does not reject a message from a trusted forwarder, who did not choose the sender, or
// from an author that is never to be refused.
func (r *Rules) senderDomain(d *decision) {
	if r.action(stepSenderDomain) == "" {
		return
	}
	text, code := unreachableSender(d.results)
	unasked := text == "" && d.stored.lacks.has(LacksSenderDomain)
	if unasked {
		text, code = "Message refused: the sender's domain may accept no mail", steps[stepSenderDomain].Codes[1].Reply
	}
	if text == "" || d.verdict.Action == result.Accept && d.trusted() {
		return
	}
	instead := fmt.Sprintf("instead of policy.sender_domain = %q", r.SenderDomain)
	if asked, key := r.Trust.author(d.results.Author.Domain, d.results.Arrived); asked == dmarc.PolicyNone {
		if unasked {
			return
		}
		d.override(stepAuthorOverride, result.Override{Reason: result.ReasonLocalPolicy, By: "author_overrides." + key, Text: "none " + instead})
		return
	}
	o, trusted := r.Trust.forwarder(d.results)
	if unasked && (trusted || !d.stored.doubt(Doubt{Key: "policy.sender_domain", Facts: []string{LacksSenderDomain.String()}})) {
		return
	}
	if trusted {
		o.Text += " " + instead
		d.override(stepForwarder, o)
		return
	}
	if o.Text != "" && d.verdict.Action == result.Accept { // else stepForwarder noted it
		d.refuse(o)
	}
	d.decide(stepSenderDomain, result.Reject, text)
	d.verdict.Code, d.verdict.Overrides = code, nil
}

// unreachableSender returns the text and code of the refusal if a domain of the sender
// accepts no mail, otherwise "". A DNS failure is no reason for a refusal.
func unreachableSender(res *result.Results) (text, code string) {
	codes := steps[stepSenderDomain].Codes
	for _, s := range res.SenderDomains {
		switch s.Status {
		case mx.NullMX:
			code = codes[0].Reply
		case mx.NoAddress, mx.NoDomain:
			code = codes[1].Reply
		default:
			continue
		}
		whose := "the sender's domain"
		if s.Identity == result.SenderAuthor {
			whose = "the author's domain"
		}
		return fmt.Sprintf("Message refused: %s %s accepts no mail: %s", whose, foreign.Line(s.Domain, 120), s.Reason), code
	}
	return "", ""
}
