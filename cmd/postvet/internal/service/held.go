package service

import (
	"cmp"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
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
	return metrics.HeldStats{Today: s.Today, Over: map[string]uint64{"day": s.OverDay, "domain": s.OverDomain}}
}
