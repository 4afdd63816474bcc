package main

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
)

// evaluation is what evaluates stored messages under a configuration.
type evaluation struct {
	config     *config.Config
	authservID string
	resolver   *dnscache.Resolver
	signs      bool // messages of our users are signed, as by the service
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

// checker returns a checker with a clock. It exempts neither trusted addresses nor
// local submissions, so that the person sees their results.
func (e evaluation) checker(now func() time.Time, trace bool) *policy.Checker {
	o := e.config.CheckerOptions(e.resolver, e.authservID, now)
	o.Trace, o.Judgement = trace, true // the person sees all evidence
	o.Exempt = policy.Exempt{Authenticated: e.config.Exempt.Authenticated}
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
