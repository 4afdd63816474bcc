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
	domain := heldDomain(r)
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

// heldDomain returns the domain for which a held message is counted.
func heldDomain(r *result.Results) string {
	return cmp.Or(r.DMARC.OrganizationalDomain, r.Author.Domain)
}

// restoreTime bounds how long the journal is read for what was held today.
const restoreTime = 2 * time.Minute

// restoreHeld counts in the background what was held today before the process began, as far
// as the journal knows it.
func (d *daemon) restoreHeld() {
	if d.journal.reader == nil {
		return
	}
	began := time.Now()
	d.restoring.replace(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, restoreTime)
		defer cancel()
		n := 0
		more, err := d.eachHeld(ctx, held.DayOf(began), began, func(r *rows.Row) bool {
			if d.holds.Restore(heldDomain(r.Results), r.Ref.Time()) {
				n++
			}
			return true
		})
		switch {
		case err != nil || more:
			d.log.Warn("not all mail that was held today before the start is counted for the caps", zap.Int("messages", n), zap.Error(err))
		case n > 0:
			d.log.Info("mail that was held today before the start is counted for the caps", zap.Int("messages", n))
		}
	})
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
	more, err = d.eachHeld(ctx, since, until, func(r *rows.Row) bool {
		if len(all) == held.MaxDigest {
			return false
		}
		r.Explain()
		all = append(all, held.New(r, "", until))
		return true
	})
	return all, more, err
}

// eachHeld calls f with the rows of the messages that were held in a time, the newest first,
// until it returns false. It reports whether there may be more.
func (d *daemon) eachHeld(ctx context.Context, since, until time.Time, f func(*rows.Row) bool) (more bool, err error) {
	q := rows.Query{Since: since, Until: until, Action: string(result.Quarantine), Limit: rows.MaxLimit}
	if err := q.Check(); err != nil {
		return false, err
	}
	for {
		page, err := d.journal.reader.Find(ctx, q)
		if err != nil {
			return false, err
		}
		for _, r := range page.Rows {
			if held.Was(r) && !f(r) {
				return true, nil
			}
		}
		if page.Next == 0 || !page.Complete {
			return !page.Complete, nil
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
