package service

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// holdLimits returns the caps of a configuration.
func holdLimits(c *config.Config) held.Limits {
	return held.Limits{PerDay: c.Policy.HoldPerDay, PerDomain: c.Policy.HoldPerDomain}
}

// mayHold counts a message that is to be held, and says whether a cap is reached.
func (d *daemon) mayHold(r *result.Results) filter.Over {
	domain := cmp.Or(r.DMARC.OrganizationalDomain, r.Author.Domain)
	over, tell := d.holds.Hold(domain)
	if over == "" {
		return filter.Over{}
	}
	action := d.config().Policy.HoldOver
	if tell {
		d.log.Warn("as much mail is held today as allowed; more is not held", zap.String("key", over),
			zap.String("domain", foreign.Terminal(domain, 256)), zap.String("action", string(action)))
	}
	return filter.Over{Key: over, Tag: action == config.HoldOverTag}
}

// heldStats returns the numbers of held mail for the metrics.
func (d *daemon) heldStats() metrics.HeldStats {
	s := d.holds.Stats()
	return metrics.HeldStats{
		Today: s.Today, Over: map[string]uint64{"day": s.OverDay, "domain": s.OverDomain},
		Digests: map[string]uint64{"sent": d.digestsSent.Load(), "failed": d.digestsFailed.Load()},
	}
}

// digestHeld begins to send digests by a configuration, and ends those by the one before.
func (d *daemon) digestHeld(c *config.Config, authservID string) {
	if c.Policy.HoldDigest == "" || d.journal.reader == nil {
		d.digesting.replace(nil)
		return
	}
	digest := &held.Digest{
		At: c.Policy.HoldDigestAt, Host: authservID, File: filepath.Join(d.journal.dir, "held-digest"), Find: d.findHeld,
		Mail: digestMail(c, authservID), Log: d.log.Named("held"), Sent: &d.digestsSent, Failed: &d.digestsFailed,
	}
	d.digesting.replace(digest.Run)
}

// findHeld returns the messages that were held in a time.
func (d *daemon) findHeld(ctx context.Context, since, until time.Time) (all []held.Message, more bool, err error) {
	d.journal.recorder.Flush(ctx)
	q := rows.Query{Since: since, Until: until, Action: string(result.Quarantine), Limit: rows.MaxLimit}
	if err := q.Check(); err != nil {
		return nil, false, err
	}
	for {
		page, err := d.journal.reader.Find(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, r := range page.Rows {
			if !held.Was(r) {
				continue
			}
			if len(all) == held.MaxDigest {
				return all, true, nil
			}
			r.Explain()
			all = append(all, held.New(r, "", until))
		}
		if page.Next == 0 || !page.Complete {
			return all, !page.Complete, nil
		}
		q.Before = page.Next
	}
}

// digestMail returns what hands a digest to the server that takes reports.
func digestMail(c *config.Config, authservID string) func(ctx context.Context, subject, text string) error {
	return func(ctx context.Context, subject, text string) error {
		return submitMail(ctx, c, authservID, "postvet@"+authservID, c.Policy.HoldDigest, subject, text)
	}
}
