package filter

import (
	"context"
	"time"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// mail is one message between MAIL and its end.
type mail struct {
	handler *handler
	policy  checkerMessage // nil if the message could not be begun
	traced  bool
	// generation is that of the handler.
	generation int64
	from       string
	rcpts      int
	to         []milter.Recipient // at most Options.MaxRecipients
	id         string             // of the first Message-ID field, cut short
	fault      string             // an internal error
	began      time.Time
	// refusal is the reply to every recipient if the rules refuse the message before
	// it is sent. decidedEarly is true once they have decided.
	refusal      milter.Reply
	decidedEarly bool
	// unheld is true if the message would be held if the MTA could do so.
	unheld bool
	// over is true if it would be held if not too many were.
	over bool
	copy Copy // nil for none
}

// working reports whether policy evaluates the message and has not failed.
func (m *mail) working() bool { return m.policy != nil && m.fault == "" }

// refuseEarly has the rules decide at the first recipient, and returns the reply to each
// recipient. It is the zero reply if the message may be sent.
func (s *session) refuseEarly(m *mail) milter.Reply {
	if m.decidedEarly || !m.working() || m.handler.early == nil {
		return m.refusal
	}
	m.decidedEarly = true
	d := s.newDecision(m)
	s.guard("early verdict", func() {
		if d.Results = m.policy.Early(s.conn.Context()); d.Results == nil {
			return
		}
		d.Results.Reference = s.srv.opt.Reference(d.Ended)
		if d.Verdict, d.Early = m.handler.early(d.Results); d.Early {
			m.refusal = refusal(d.Verdict)
		}
	})
	if m.refusal.Text != "" {
		d.Reply, d.Took = m.refusal.Text, time.Since(d.Ended)
		s.report(d)
	}
	return m.refusal
}

// EndOfMessage waits for the results and returns the verdict for the MTA.
func (s *session) EndOfMessage(ctx context.Context) milter.Verdict {
	m := s.mail
	d := s.newDecision(m)
	s.decide(ctx, m, d)
	d.Took = time.Since(d.Ended)
	v := s.carryOut(m, d)
	s.mail = nil
	if m.policy != nil {
		s.guard("close", m.policy.Close)
	}
	d.Copy = m.copy
	s.decision = d
	return v
}

// decide sets the results and the verdict of a decision.
func (s *session) decide(ctx context.Context, m *mail, d *Decision) {
	if m.working() {
		s.guard("finish", func() { d.Results = m.policy.Finish(ctx) })
	} else if m.fault == "" {
		m.fault = "internal error: the message could not be begun"
	}
	if d.Results == nil {
		d.Results = &result.Results{MailFrom: m.from}
		if m.fault == "" {
			m.fault = "internal error: no results"
		}
	}
	d.Results.Reference = s.srv.opt.Reference(d.Ended)
	if m.fault == "" {
		s.guard("decide", func() {
			d.Verdict = m.handler.decide(d.Results)
			switch hold := s.srv.opt.Hold; {
			case d.Verdict.Action != result.Quarantine:
			case !s.conn.CanQuarantine():
				m.unheld = true
				d.Verdict = m.handler.unheld(d.Results)
			case hold != nil:
				if over := hold(d.Results); over.Key != "" {
					m.over = true
					d.Verdict = s.overHold(m, d, over)
				}
			}
		})
		s.seal(ctx, m, d)
		s.shadow(m, d)
	}
	if m.fault != "" {
		d.Faults = append(d.Faults, m.fault)
		d.Verdict = faulty()
	}
}

// seal has a message that is forwarded sealed, unless the MTA does not let us make the
// changes that the seal would cover. A fault leaves the verdict as it is.
func (s *session) seal(ctx context.Context, m *mail, d *Decision) {
	if !m.working() || !s.conn.CanAddFields() {
		return
	}
	if !s.conn.CanRemoveFields() && len(d.Verdict.Change)+len(d.Verdict.Withdraw) > 0 {
		return
	}
	before := d.Verdict.Seal
	if !s.srv.guard("seal", s.conn.QueueID(), s.client, func() { m.policy.Seal(ctx, d.Results, &d.Verdict) }) {
		d.Verdict.Seal = before
		d.Faults = append(d.Faults, "internal error during seal: the message is not sealed")
	}
}

// faulty returns the verdict after an internal error. It does not depend on the rules,
// because nothing is known of the message, not even which fields to remove.
func faulty() result.Verdict {
	return result.Verdict{
		Action:    result.TempFail,
		Intended:  result.TempFail,
		Code:      "451 4.3.0",
		Text:      "The message could not be checked because of an internal error; please try again later",
		Rule:      result.RuleFault,
		Overrides: []result.Override{},
		Why:       []string{"Postvet itself failed on the message, so nothing can be said about it."},
	}
}

// deferred returns the verdict about a message that an MTA can neither hold nor tag, in
// place of the verdict that the rules have. The MTA may be able to do so later.
func deferred(v result.Verdict) result.Verdict {
	v.Action, v.Code = result.TempFail, "451 4.7.1"
	v.Text = "The message is to be held for review, which this mail system cannot do at present; please try again later"
	v.Remove, v.Insert, v.AuthenticationResults = nil, nil, ""
	return v
}

// carryOut returns the verdict in the form for the MTA. It adds a fault for each part
// that the MTA does not support.
func (s *session) carryOut(m *mail, d *Decision) milter.Verdict {
	switch d.Verdict.Action {
	case result.Accept, result.Quarantine, result.Redirect:
	case result.Discard:
		return milter.Verdict{Reply: milter.Reply{Discard: true}}
	default:
		return d.refuse()
	}
	fail := func(why string) milter.Verdict {
		d.Faults = append(d.Faults, why)
		d.Verdict = faulty()
		return d.refuse()
	}
	v, faults := headerEdits(d.Verdict, s.conn.CanRemoveFields())
	if len(v.Remove) > 0 && !s.conn.CanRemoveFields() {
		// The message must not be delivered with a forged field in our name.
		return fail("the MTA does not let us delete header fields, so a message with one in our name is deferred; it must offer SMFIF_CHGHDRS")
	}
	if d.Verdict.Action == result.Redirect {
		// The message must not be delivered to its original recipients.
		if why := s.cannotRedirect(m, d.Verdict.RedirectTo); why != "" {
			return fail(why)
		}
		v.Add, v.Delete = redirect(m.to, d.Verdict.RedirectTo)
	}
	switch {
	case len(v.Insert) == 0 || s.conn.CanAddFields():
		if m.unheld {
			d.Faults = append(d.Faults, "the MTA does not let us hold messages, so this one is delivered with a tag; it must offer SMFIF_QUARANTINE")
		}
	case isTagged(v):
		// The message must not be delivered as if it were a good one.
		offer := "SMFIF_ADDHDRS"
		if m.unheld {
			offer = "SMFIF_QUARANTINE or SMFIF_ADDHDRS"
		}
		d.Faults = append(d.Faults, "the MTA lets us neither hold nor tag this message, so it is deferred; it must offer "+offer)
		d.Verdict = deferred(d.Verdict)
		return d.refuse()
	default:
		d.Faults = append(d.Faults, "the MTA does not let us add header fields, so the message is delivered without ours; it must offer SMFIF_ADDHDRS")
		v.Insert, v.Append = nil, nil
	}
	d.Faults = append(d.Faults, faults...)
	if d.Verdict.Action == result.Quarantine {
		v.Quarantine = quarantineReason(d.Verdict)
	}
	return v
}

// VerdictSent reports the message after its verdict was sent.
func (s *session) VerdictSent(err error) {
	d := s.decision
	if d == nil {
		return
	}
	s.decision = nil
	d.Err = err
	if err != nil {
		s.srv.count.undelivered.Add(1)
	}
	s.report(d)
}

// report counts and logs a decision, and calls the hook.
func (s *session) report(d *Decision) {
	s.srv.count.message(&d.Verdict)
	s.logDecision(d)
	hook := s.srv.opt.OnMessage
	if hook != nil && s.srv.guard("OnMessage", d.QueueID, d.Client, func() { hook(*d) }) {
		return
	}
	if d.Copy != nil { // nobody took it over
		s.srv.guard("copy", d.QueueID, d.Client, d.Copy.Drop)
	}
}
