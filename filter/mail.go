package filter

import (
	"context"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"

	"github.com/emersion/go-milter"
	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/message"
)

// mail is one message under way.
type mail struct {
	judge *judge
	tx    transaction // nil if none could be begun
	from  string
	user  string
	rcpts int
	to    []recipient // at most Options.MaxRecipients
	fault string      // what of ours went wrong
	began time.Time
	// refusal is what every recipient is answered, if the rules refuse the message
	// before it is sent; asked tells that they were asked.
	refusal reply
	asked   bool
}

// working reports whether policy is still to be told of the message.
func (m *mail) working() bool { return m.tx != nil && m.fault == "" }

// Decision is what became of one message.
type Decision struct {
	QueueID string
	// Client is who connected, with the name it gave; Results.Client is who was
	// evaluated.
	Client message.Client
	Helo   string
	From   string
	// Recipients counts those that the MTA accepted.
	Recipients int
	// Early tells that the message was refused at its first recipient, before it
	// was sent.
	Early bool
	// Results is never nil.
	Results *result.Results
	Verdict result.Verdict
	// Shadow is what the shadow policy would have done; nil if there is none.
	Shadow *result.Verdict
	// Reply is what the MTA was told to say, "" for its own words of acceptance.
	Reply string
	// ExactHeader tells that the header's white space arrived unchanged, so
	// that simple canonicalization (RFC 6376 section 3.4.1) is reliable.
	ExactHeader bool
	// Faults say what failed here, and what could not be carried out.
	Faults []string
	// Began is the time of MAIL, Ended that of the message's end, and Took how
	// long the verdict took from there.
	Began, Ended time.Time
	Took         time.Duration
	// Err is why the verdict did not reach the MTA, nil if it did.
	Err error
}

// Body ends the message: it waits for the results, edits the header, and gives
// the verdict.
func (s *session) Body(mod *milter.Modifier) (milter.Response, error) {
	m := s.mail
	if m == nil {
		// No MTA asks for a verdict on nothing.
		s.srv.count.protocolErrors.Add(1)
		return final(tempFailure), nil
	}
	d := s.newDecision(m)
	s.judgeMail(m, d)
	d.Took = time.Since(d.Ended)
	answer := s.carryOut(mod, m, d)
	s.mail = nil
	if m.tx != nil {
		s.guard("close", m.tx.Close)
	}
	s.decision = d
	return final(answer), nil
}

func (s *session) newDecision(m *mail) *Decision {
	return &Decision{
		QueueID:     s.macros.queueID,
		Client:      s.client,
		Helo:        s.helo,
		From:        m.from,
		Recipients:  m.rcpts,
		ExactHeader: s.wire.agreed.exactHeader(),
		Began:       m.began,
		Ended:       time.Now(),
	}
}

// refuseEarly asks the rules at the first recipient, and returns the answer to
// each: the zero reply if the message may come.
func (s *session) refuseEarly(m *mail) reply {
	if m.asked || m.judge == nil || m.judge.early == nil || !m.working() {
		return m.refusal
	}
	m.asked = true
	d := s.newDecision(m)
	s.guard("early verdict", func() {
		if d.Results = m.tx.Early(s.ctx); d.Results == nil {
			return
		}
		if d.Verdict, d.Early = m.judge.early(d.Results); d.Early {
			m.refusal = refusal(d.Verdict)
		}
	})
	if m.refusal.text != "" {
		d.Reply, d.Took = m.refusal.text, time.Since(d.Ended)
		s.tell(d)
	}
	return m.refusal
}

// judgeMail fills in results and verdict.
func (s *session) judgeMail(m *mail, d *Decision) {
	if m.working() {
		ctx, cancel := context.WithTimeout(s.ctx, s.srv.opt.VerdictTimeout)
		s.wire.progress.start(s.wire, cancel)
		s.guard("finish", func() { d.Results = m.tx.Finish(ctx) })
		s.wire.progress.stop()
		cancel()
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
			d.Verdict = m.judge.decide(d.Results)
			if d.Verdict.Action == result.Quarantine && !s.wire.agreed.can(milter.OptQuarantine) {
				d.Faults = append(d.Faults, "the MTA cannot quarantine: delivered with a tag")
				d.Verdict = m.judge.unheld(d.Results)
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

// carryOut sends the modifications and returns the final reply.
func (s *session) carryOut(mod *milter.Modifier, m *mail, d *Decision) reply {
	v := &d.Verdict
	a := s.wire.agreed
	switch v.Action {
	case result.Accept, result.Quarantine, result.Redirect:
	case result.Discard:
		return reply{discard: true}
	default:
		answer := refusal(*v)
		d.Reply = answer.text
		return answer
	}
	giveUp := func(why string) reply {
		d.Faults = append(d.Faults, why)
		*v = faulty()
		d.Reply = refusal(*v).text
		return refusal(*v)
	}
	edits := headerEdits(*v, a.exactHeader())
	if len(edits.remove) > 0 && !a.can(milter.OptChangeHeader) {
		// A field in our name must not survive.
		return giveUp("the MTA does not let us remove fields")
	}
	if v.Action == result.Redirect {
		// Whom the message was kept from must not get it after all.
		if why := s.cannotRedirect(m, v.RedirectTo); why != "" {
			return giveUp(why)
		}
	}
	if len(edits.insert) > 0 && !a.can(milter.OptAddHeader) {
		d.Faults = append(d.Faults, "the MTA does not let us add fields")
		edits.insert = nil
	}
	d.Faults = append(d.Faults, edits.faults...)
	edits.send(s.wire)
	if v.Action == result.Redirect {
		redirect(mod, m.to, v.RedirectTo)
	}
	if v.Action == result.Quarantine {
		reason := strings.TrimSpace(foreign.Line(v.Text, maxReason))
		if reason == "" {
			reason = "held by policy"
		}
		mod.Quarantine(reason)
	}
	return reply{}
}

// answered is called when the reply to a message's end was sent, or could not be.
func (s *session) answered(err error) {
	d := s.decision
	if d == nil {
		return
	}
	s.decision = nil
	d.Err = err
	if err != nil {
		s.srv.count.undelivered.Add(1)
	}
	s.tell(d)
}

// tell counts and logs a decision, and calls the hook.
func (s *session) tell(d *Decision) {
	s.srv.count.message(d.Verdict.Action)
	s.logDecision(d)
	if hook := s.srv.opt.OnMessage; hook != nil {
		defer func() {
			if v := recover(); v != nil {
				s.srv.count.panics.Add(1)
				s.srv.log.Error("panic",
					text("queue", d.QueueID), zap.String("client", clientIP(d.Client)),
					zap.String("during", "OnMessage"), zapPanic(v), zap.Stack("stack"))
			}
		}()
		hook(*d)
	}
}
