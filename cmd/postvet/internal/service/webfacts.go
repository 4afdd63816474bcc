package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
)

// Facts implements web.Overview.
func (s webSource) Facts(context.Context) web.Facts {
	d, now := s.d, time.Now()
	c := d.config()
	held, limits := d.holds.Stats(), holdLimits(c)
	f := web.Facts{
		Status: d.status(now), Journal: d.describeJournal(),
		Policy: inForce(c),
		Held: web.Held{
			Today: held.Today, PerDay: limits.PerDay, PerDomain: limits.PerDomain, OverDay: held.OverDay, OverDomain: held.OverDomain,
		},
		PatternsUnwritten: d.patterns.unwritten(),
		Expired:           linesOfErrors(c.Expired(now)), Ending: linesOfErrors(c.EndingSoon(now)),
		OwnDomains: append([]string{}, c.OwnNames(now)...), // never null
	}
	if free, total, ok := sqlite.Space(d.journal.dir); ok && d.journal.dir != "" {
		f.Disk = &web.Disk{Free: free, Total: total, Least: int(c.Journal.MinFree)}
	}
	if c.Report.Send != config.ReportSendOff {
		f.Sending = d.describeSending()
	}
	if d.reports.counter.Load() != nil {
		n := d.reportStats()
		f.Counting = &web.Counting{Problem: n.Trouble, Since: n.Since}
		for _, dropped := range n.Dropped {
			f.Counting.Dropped += dropped
		}
	}
	return f
}

// describeSending says how the sending of reports does.
func (d *daemon) describeSending() *web.Sending {
	n := d.sendingStats()
	return &web.Sending{
		Here: n.Lease, Problem: n.Trouble, Bounced: n.Results[reports.Bounced], Expired: n.Results[reports.Expired],
		Waiting: n.Waiting, Success: n.Success, Suppressed: n.Suppressed,
	}
}

// linesOfErrors returns a line for each error; an empty list for none.
func linesOfErrors(errs config.Errors) []string {
	lines := []string{}
	for _, e := range errs {
		lines = append(lines, e.Error())
	}
	return lines
}

// unwritten reports whether what was learned cannot be written at present.
func (p *observedPatterns) unwritten() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failing
}

// Audit implements web.Auditor.
func (s webSource) Audit(_ context.Context, n int) ([]sqlite.Audited, error) {
	if s.d.journal.dir == "" {
		return []sqlite.Audited{}, nil
	}
	return sqlite.ReadAudit(s.d.journal.dir, n)
}
