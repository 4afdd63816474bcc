package service

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/evaluation"
	"github.com/postvet/postvet/cmd/postvet/internal/policytext"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/rules"
)

const (
	// trialTime and trialRows bound a trial. Its report then says how far it came.
	trialTime = 8 * time.Second
	trialRows = 1_000_000
)

// pastedName is what faults call a text that a user pasted.
const pastedName = "pasted rules"

// Policy implements web.Policies.
func (s webSource) Policy(context.Context) web.Policy {
	c := s.d.config()
	p := web.Policy{
		InForce:  inForce(c),
		Exact:    policytext.Mode(c),
		OnReject: policytext.OnReject(c.Policy.OnReject), Parts: []web.PolicyPart{}, Shadow: c.Shadow() != nil,
		File: s.d.opt.File, Configuration: c.Shown(), Forwarders: c.Settings()["trust.forwarders"],
	}
	n := 0
	for _, part := range policytext.Parts(c) {
		shown := web.PolicyPart{Title: part.Title, Lines: []web.PolicyLine{}}
		for _, l := range part.Lines {
			n++
			shown.Lines = append(shown.Lines, web.PolicyLine{N: n, Name: l.Name, When: l.When, Then: l.Then})
		}
		p.Parts = append(p.Parts, shown)
	}
	return p
}

// TryPolicy implements web.Policies.
func (s webSource) TryPolicy(ctx context.Context, user access.User, text string, since time.Time) (*trial.Report, error) {
	d := s.d
	if d.journal.reader == nil {
		return nil, web.ErrNoJournal
	}
	give, err := s.trials.take(ctx, "somebody else tries rules at present; try again in a moment")
	if err != nil {
		return nil, err
	}
	defer give()
	after, err := d.config().OverlayText(pastedName, []byte(text))
	if err != nil {
		return nil, pastedError(err)
	}
	d.log.Info("rules are tried on the journal", zap.String("user", foreign.Terminal(user.Name, 100)))
	d.flushJournal(ctx)
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	o := evaluation.Recorded(d.journal.reader, after, since, time.Now())
	o.Jobs = 1 // the processors are for the mail
	o.Progress = func(messages, _ int, _ string) {
		if messages >= trialRows {
			cancel()
		}
	}
	r, err := o.Run(ctx)
	if err != nil {
		return nil, err
	}
	r.History.By, r.History.With = "the pasted rules over the configuration in force", "what was done then"
	return r, nil
}

// inForce says what a configuration does with mail.
func inForce(c *config.Config) web.InForce {
	return web.InForce{Monitors: c.Mode == rules.Monitor, Mode: policytext.CarriedOut(c), Sentences: policytext.Summary(c)}
}

// pastedError returns the faults of a pasted text in the form of the web page.
func pastedError(err error) error {
	var faults config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	p := &web.PastedError{Faults: []web.PastedFault{}}
	for _, f := range faults {
		one := web.PastedFault{Line: f.Line, Key: f.Key, Problem: f.Problem, Remedy: f.Remedy, Excerpt: f.Excerpt}
		if f.File != pastedName { // a key of the configuration that does not go with the text
			one.Line, one.Problem = 0, f.Error()
		}
		p.Faults = append(p.Faults, one)
	}
	return p
}
