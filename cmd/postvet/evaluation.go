package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/patterns"
)

// evaluation is what evaluates stored messages under a configuration.
type evaluation struct {
	config     *config.Config
	authservID string
	resolver   *dnscache.Resolver
	signs      bool // messages of our users are signed, as by the service
	known      *patterns.Known
	learned    string // where known comes from; "" for nothing
}

// newEvaluation returns an evaluation, whose resolver the caller closes.
func newEvaluation(c *config.Config) (evaluation, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return evaluation{}, exit{exitFailed, err}
	}
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return evaluation{}, exit{exitFailed, err}
	}
	return evaluation{config: c, authservID: id, resolver: resolver}, nil
}

// learnedTime bounds the reading of what was learned.
const learnedTime = 20 * time.Second

// learn reads what the service of the configuration learned from genuine mail. The note says
// why that cannot be read, or not of all nodes. Without a journal, and before it has learned
// anything, nothing is known.
func (e *evaluation) learn(ctx context.Context) (note string) {
	s := service.NewPatternSource(e.config)
	if !e.config.Policy.Observed || s.Dir == "" {
		return ""
	}
	if _, err := os.ReadDir(s.Dir); errors.Is(err, fs.ErrNotExist) {
		return ""
	} else if err != nil {
		return "what was learned from genuine mail does not count here: " + fileError(s.Dir, err)
	}
	ctx, cancel := context.WithTimeout(ctx, learnedTime)
	defer cancel()
	known, away, err := s.Known(ctx, time.Now())
	if err != nil {
		return "what was learned from genuine mail does not count here: " + fileError(s.Dir, err)
	}
	if domains, forwarders := known.Size(); domains+forwarders > 0 {
		e.known, e.learned = known, "the journal in "+s.Dir
	}
	switch {
	case away != nil:
		return "what this node learned from genuine mail counts alone: " + foreign.Terminal(away.Error(), 500)
	case s.Database != nil && e.known != nil:
		e.learned += ", and from the other nodes in PostgreSQL"
	}
	return ""
}

// checker returns a checker with a clock. It exempts neither trusted addresses nor
// local submissions, so that the person sees their results.
func (e evaluation) checker(now func() time.Time, trace bool) *policy.Checker {
	o := e.config.CheckerOptions(e.resolver, e.authservID, now)
	o.Trace, o.Judgement = trace, true // the person sees all evidence
	o.Exempt = policy.Exempt{Authenticated: e.config.Exempt.Authenticated}
	if e.known != nil {
		except := e.config.Policy.ObservedExcept.Set
		o.Observer = &patterns.Observer{
			Known:  func() *patterns.Known { return e.known },
			Except: func(domain string) bool { return except.At(now()).Name(domain) },
		}
	}
	if e.signs {
		stores := service.NewKeyStores(e.config, e.resolver, nil)
		source, _ := keys.OpenStore(stores.Store(), service.KeyOptions(e.config)) // the service warns of the states
		o.Signing, o.Sealing = e.config.Signing(source), e.config.Sealing(source)
		if o.Signing != nil {
			o.Signing.DryRun = false // the person wants to see the signature
		}
	}
	return policy.NewChecker(o)
}
