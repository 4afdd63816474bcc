package evaluation

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy/rules"
)

// Journal has recorded messages, and the configurations that decided about them.
type Journal interface {
	// Spans calls f with the rows of a time in spans, the newest first, until it returns
	// false.
	Spans(ctx context.Context, since, until time.Time, f func(rows.Span) bool) error
	// Generation returns a configuration that was in force; false if it is not kept.
	Generation(ctx context.Context, id int64, at time.Time) (rows.Generation, bool)
}

// Recorded returns what has the rules of a configuration decide about the mail of a time.
func Recorded(reader Journal, after *config.Config, since, until time.Time) *trial.Recorded {
	settings, keys, early := after.Settings(), after.EvaluationKeys(), config.EarlyKeys()
	under := after.Rules("")
	return &trial.Recorded{
		Spans: func(ctx context.Context, f func(rows.Span) bool) error { return reader.Spans(ctx, since, until, f) },
		After: &under,
		Found: trial.Found{
			Relays: after.Trust.Relays.Set, Exempt: after.Exempt.Addresses.Set, ExemptNames: after.Exempt.Names.Set, Authenticated: after.Exempt.Authenticated,
			MinRSABits: after.DKIM.MinRSABits, MaxRSABits: after.DKIM.MaxRSABits,
		},
		Then: func(ctx context.Context, generation int64, at time.Time) trial.Then {
			g, ok := reader.Generation(ctx, generation, at)
			if !ok {
				return trial.Then{}
			}
			s := config.ParseSettings(g.Text)
			return trial.Then{
				Known: true, Other: settings.Differ(s, keys),
				SameEarly: len(settings.Differ(s, early)) == 0, Early: s["policy.spf_early"] == "true" && s["mode"] != `"`+string(rules.Monitor)+`"`,
			}
		},
	}
}
