package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/evaluation"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// commandEvaluation evaluates stored messages with a resolver of its own.
type commandEvaluation struct {
	evaluation.Evaluation
	resolver *dnscache.Resolver
	learned  string // where that comes from which is known; "" for nothing
}

// newEvaluation returns an evaluation, whose resolver the caller closes.
func newEvaluation(c *config.Config) (commandEvaluation, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return commandEvaluation{}, exit{exitFailed, err}
	}
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return commandEvaluation{}, exit{exitFailed, err}
	}
	return commandEvaluation{Evaluation: evaluation.Evaluation{Config: c, AuthservID: id, Resolver: resolver}, resolver: resolver}, nil
}

// learnedTime bounds the reading of what was learned.
const learnedTime = 20 * time.Second

// learn reads what the service of the configuration learned from genuine mail. The note says
// why that cannot be read, or not of all nodes. Without a journal, and before it has learned
// anything, nothing is known.
func (e *commandEvaluation) learn(ctx context.Context) (note string) {
	s := service.NewPatternSource(e.Config)
	if !e.Config.Policy.Observed || s.Dir == "" {
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
		e.Known, e.learned = known, "the journal in "+s.Dir
	}
	switch {
	case away != nil:
		return "what this node learned from genuine mail counts alone: " + foreign.Terminal(away.Error(), 500)
	case s.Database != nil && e.Known != nil:
		e.learned += ", and from the other nodes in PostgreSQL"
	}
	return ""
}

// sign has messages of our users signed, as by the service.
func (e *commandEvaluation) sign() {
	stores := service.NewKeyStores(e.Config, e.resolver, nil)
	source, _ := keys.OpenStore(stores.Store(), service.KeyOptions(e.Config)) // the service warns of the states
	e.Keys = source
}
