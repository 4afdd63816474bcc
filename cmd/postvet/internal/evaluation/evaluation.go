// Package evaluation evaluates messages under a configuration apart from the mail path of the
// service: stored messages, and those of the journal.
package evaluation

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/patterns"
)

// Evaluation is what evaluates stored messages under a configuration. Config, AuthservID and
// Resolver are needed.
type Evaluation struct {
	Config     *config.Config
	AuthservID string
	Resolver   policy.Resolver
	// Known is what was learned from genuine mail, nil for nothing.
	Known *patterns.Known
	// Keys sign messages of our users, nil if none are to be signed. With DryRun it is only
	// said by which key: a signature would be valid wherever it is shown.
	Keys   policy.SigningKeys
	DryRun bool
}

// Checker returns a checker with a clock. It exempts neither trusted addresses nor
// local submissions, so that the person sees their results.
func (e *Evaluation) Checker(now func() time.Time, trace bool) *policy.Checker {
	o := e.Config.CheckerOptions(e.Resolver, e.AuthservID, now)
	o.Trace, o.Judgement = trace, true // the person sees all evidence
	o.Exempt = policy.Exempt{Authenticated: e.Config.Exempt.Authenticated}
	if e.Known != nil {
		except := e.Config.Policy.ObservedExcept.Set
		o.Observer = &patterns.Observer{
			Known:  func() *patterns.Known { return e.Known },
			Except: func(domain string) bool { return except.At(now()).Name(domain) },
		}
	}
	if keys := e.Keys; keys != nil {
		if e.DryRun {
			keys = unnoted{keys}
		}
		o.Signing, o.Sealing = e.Config.Signing(keys), e.Config.Sealing(keys)
		if o.Signing != nil {
			o.Signing.DryRun = e.DryRun // a person at the machine wants to see the signature
		}
		if e.DryRun {
			o.Sealing = nil
		}
	}
	return policy.NewChecker(o)
}

// unnoted are keys of which nothing is noted, so that a dry run counts as no signature.
type unnoted struct{ keys policy.SigningKeys }

// SigningKeys implements [policy.SigningKeys].
func (u unnoted) SigningKeys(ctx context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	return u.keys.SigningKeys(ctx, address)
}

// Published implements [policy.SigningKeys].
func (unnoted) Published(policy.SigningKey) {}
