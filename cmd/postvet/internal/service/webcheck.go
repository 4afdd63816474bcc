package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/evaluation"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

const (
	// checkTime bounds the check of a message.
	checkTime = 9 * time.Second
	// checkedOctets bounds a message that is unpacked.
	checkedOctets = 16 << 20
)

// CheckMessage implements web.Checks.
func (s webSource) CheckMessage(ctx context.Context, _ access.User, q web.CheckRequest) (*result.Report, []string, error) {
	give, err := s.checks.take(ctx, "others check messages at present; try again in a moment")
	if err != nil {
		return nil, nil, err
	}
	defer give()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	check := trial.Check{Resolver: &s.d.dns, Envelope: q.Envelope, Trace: true}
	var notes []string
	now := time.Now
	var box *mailbox.Reader
	if q.Message != nil {
		if box, err = mailbox.NewBounded(bytes.NewReader(q.Message), "the message", checkedOctets); err != nil {
			return nil, nil, messageError(err)
		}
		if check.Message, err = box.Next(); err != nil {
			return nil, nil, messageError(err)
		}
		if len(check.Message.Header) == 0 {
			return nil, nil, &web.MessageError{Problem: "it has no header field, and so is no message"}
		}
		notes = check.Message.Notes
		if q.Received {
			stored, err := check.Message.TakeEnvelope(true)
			if err != nil {
				return nil, nil, messageError(err)
			}
			if !stored.Time.IsZero() {
				now = trial.ClockAt(stored.Time)
				notes = append(notes, "it is judged at the time of its arrival, "+stored.Time.UTC().Format("2006-01-02 15:04:05")+" UTC")
			}
			check.Envelope = mergeEnvelopes(q.Envelope, stored.Envelope)
		}
	}
	s.evaluate(&check, q, now)
	report, _, err := check.Run(ctx)
	if err != nil {
		return nil, nil, messageError(err)
	}
	if box != nil {
		if _, err := box.Next(); !errors.Is(err, io.EOF) {
			return nil, nil, &web.MessageError{Problem: "there is more than one message; give one of them"}
		}
	}
	return report, notes, ctx.Err()
}

// evaluate sets by what a message is checked: what the service knows at this moment.
func (s webSource) evaluate(check *trial.Check, q web.CheckRequest, now func() time.Time) {
	d := s.d
	state := d.state.Load()
	c := state.config
	e := evaluation.Evaluation{Config: c, AuthservID: state.authservID, Resolver: &d.dns, DryRun: true}
	if c.Policy.Observed {
		if e.Known = d.patterns.known.Load(); e.Known != nil {
			check.Learned = "the journal of this service"
		}
	}
	if signs := d.signing.Load(); q.Sign && signs != nil {
		e.Keys = signs.source
	}
	rules := c.Rules(state.authservID)
	check.Checker, check.Rules, check.Shadow = e.Checker(now, true), &rules, c.ShadowRules(state.authservID)
}

// mergeEnvelopes returns an envelope of what a user gave, and else of what is stored with the
// message.
func mergeEnvelopes(given, stored message.Envelope) message.Envelope {
	e := stored
	if given.Client.IP.IsValid() {
		e.Client.IP = given.Client.IP
	}
	if given.Helo != "" {
		e.Helo = given.Helo
	}
	if !given.Sender.Unknown {
		e.Sender.Path, e.Sender.Unknown = given.Sender.Path, false
	}
	if given.Sender.User != "" {
		e.Sender.User = given.Sender.User
	}
	if len(given.Recipients) > 0 {
		e.Recipients = given.Recipients
	}
	return e
}

// messageError returns the error for a message that cannot be read.
func messageError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, mailbox.ErrTooLarge) {
		return &web.MessageError{Problem: "it is larger than 16 MiB when it is unpacked"}
	}
	return &web.MessageError{Problem: err.Error()}
}
