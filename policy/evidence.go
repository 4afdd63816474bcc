package policy

import (
	"context"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// gatherEvidence fills in what speaks for a forgery and what for indirect mail, if the
// message fails and its author's domain asks for reject.
func (m *Message) gatherEvidence(ctx context.Context, res *result.Results) {
	if !judgement.Concerns(res) {
		return
	}
	o := &m.conn.checker.opt
	if o.Judgement {
		m.gatherHops(ctx, res)
	}
	m.attempt("evidence", func() {
		forwarded := forwardedTo(o.ForwardedTo.At(res.Arrived), res)
		res.Observed.ForwardedTo = forwarded
		res.Evidence = judgement.Gather(res)
		if o.Observer != nil {
			res.Observed = o.Observer.Observe(res, judgement.Indirect(res.Evidence))
			res.Observed.ForwardedTo = forwarded
			judgement.GatherObserved(res)
		}
	})
}

// forwardedTo finds a recipient on a list of those whose mail is forwarded here. It names the
// domain alone, as the journal may not keep addresses.
func forwardedTo(list *addrlist.List, res *result.Results) result.Fact {
	if list.Len() == 0 {
		return result.Fact{}
	}
	for _, to := range res.Recipients {
		if list.Mailbox(to) {
			_, domain := message.SplitPath(to)
			return result.Fact{State: result.Present, Text: "mail to a recipient in " + foreign.Line(domain, 100) + " is known to be forwarded here"}
		}
	}
	if res.RecipientsIncomplete {
		return result.Fact{State: result.Unknown, Text: "not all recipients are known"}
	}
	return result.Fact{State: result.Absent}
}
