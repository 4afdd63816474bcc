package filter

import (
	"context"
	"time"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// mail is one message under way.
type mail struct {
	handler *handler
	policy  checkerMessage // nil if the message could not be begun
	from    string
	rcpts   int
	to      []milter.Recipient // at most Options.MaxRecipients
	fault   string             // our own failure
	began   time.Time
	// refusal is what every recipient is answered, if the rules refuse the message
	// before it is sent; asked tells that they were asked.
	refusal milter.Reply
	asked   bool
}

// working reports whether policy is still to be told of the message.
func (m *mail) working() bool { return m.policy != nil && m.fault == "" }

// refuseEarly asks the rules at the first recipient, and returns the answer to
// each: the zero reply if the message may come.
func (s *session) refuseEarly(m *mail) milter.Reply {
	if m.asked || !m.working() || m.handler.early == nil {
		return m.refusal
	}
	m.asked = true
	d := s.newDecision(m)
	s.guard("early verdict", func() {
		if d.Results = m.policy.Early(s.conn.Context()); d.Results == nil {
			return
		}
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

// EndOfMessage waits for the results, and returns the verdict as the MTA is to
// carry it out.
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
	s.decision = d
	return v
}

// decide fills in results and verdict.
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
	if m.fault == "" {
		s.guard("decide", func() {
			d.Verdict = m.handler.decide(d.Results)
			if d.Verdict.Action == result.Quarantine && !s.conn.CanQuarantine() {
				d.Faults = append(d.Faults, "the MTA cannot quarantine: delivered with a tag")
				d.Verdict = m.handler.unheld(d.Results)
			}
		})
		s.shadow(m, d)
	}
	if m.fault != "" {
		d.Faults = append(d.Faults, m.fault)
		d.Verdict = faulty()
	}
}

// faulty is the verdict if we failed ourselves. It does not depend on the
// rules: nothing is known of the message, not even which fields to remove.
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

// carryOut returns the verdict as the MTA is to carry it out. What the MTA does
// not let us do is a fault.
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
	v, faults := headerEdits(d.Verdict)
	if len(v.Remove) > 0 && !s.conn.CanRemoveFields() {
		// A field in our name must not survive.
		return fail("the MTA does not let us remove fields")
	}
	if d.Verdict.Action == result.Redirect {
		// Those whom the message was kept from must not get it after all.
		if why := s.cannotRedirect(m, d.Verdict.RedirectTo); why != "" {
			return fail(why)
		}
		v.Add, v.Delete = redirect(m.to, d.Verdict.RedirectTo)
	}
	if len(v.Insert) > 0 && !s.conn.CanAddFields() {
		d.Faults = append(d.Faults, "the MTA does not let us add fields")
		v.Insert = nil
	}
	d.Faults = append(d.Faults, faults...)
	if d.Verdict.Action == result.Quarantine {
		v.Quarantine = quarantineReason(d.Verdict)
	}
	return v
}

// VerdictSent reports the message once the MTA knows its verdict.
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
	s.srv.count.message(d.Verdict.Action)
	s.logDecision(d)
	if hook := s.srv.opt.OnMessage; hook != nil {
		s.srv.guard("OnMessage", d.QueueID, d.Client, func() { hook(*d) })
	}
}
