package policy

import (
	"context"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
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

// gatherHops asks SPF of the client and the earlier hops, all at once. They have the author's
// record in common, so that all but the first cost little.
func (m *Message) gatherHops(ctx context.Context, res *result.Results) {
	o := &m.conn.checker.opt
	var hops []result.Hop
	m.attempt("evidence", func() { hops = judgement.Senders(res) })
	checks := make([]*pending[spf.Result], len(hops))
	for i, h := range hops {
		q := spf.Query{Identity: spf.MailFrom, IP: h.IP, Helo: h.Domain, Sender: "postmaster@" + h.Domain}
		checks[i] = evaluate(m.ctx, m.conn.dns, check[spf.Result]{
			name: result.CheckJudgement, limit: o.MessageTimeout,
			run: func(ctx context.Context, r Resolver) spf.Result {
				return spf.Check(ctx, r, q, spf.Options{Receiver: o.AuthservID, Timeout: o.SPFTimeout, Now: o.Now})
			},
			failed: func(string) spf.Result { return spf.Result{Status: spf.TempError} },
		})
	}
	for i, c := range checks {
		r, fault := c.wait(ctx)
		m.fault("spf", fault)
		hops[i].Status = r.Status
	}
	res.Hops, res.HopsAsked = hops, true
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
