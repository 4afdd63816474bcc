package reportfailures

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// run makes the reports that are due until ctx ends.
func (g *Gatherer) run(ctx context.Context) {
	defer close(g.done)
	t := time.NewTicker(stepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.Step(ctx)
		}
	}
}

// Step makes the reports that are due.
func (g *Gatherer) Step(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			g.o.Log.Error("panic while failure reports were made", zap.Any("panic", v), zap.Stack("stack"))
		}
	}()
	for _, x := range g.due() {
		if ctx.Err() != nil {
			return
		}
		if err := g.decide(ctx, x); err != nil {
			g.failed(ctx, err)
			return // the others wait too
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails {
		g.fails = false
		g.o.Log.Info("failure reports are made again")
	}
}

// failed tells of a fault of the store that lasts, once.
func (g *Gatherer) failed(ctx context.Context, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.fails && ctx.Err() == nil {
		g.fails = true
		g.o.Log.Warn("failure reports cannot be made for now; failures are counted", zap.Error(err))
	}
}

// due returns the reports that are due.
func (g *Gatherer) due() []*failure {
	now := g.o.Now()
	return g.which(func(x *failure) bool { return !x.due.After(now) && (x.ready || now.Sub(x.first) > longest) })
}

// which returns the open reports that meet a condition, the first one due first.
func (g *Gatherer) which(is func(*failure) bool) []*failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []*failure
	for _, x := range g.open {
		if is(x) {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *failure) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.like, b.like)) })
	return all
}

// decide makes a report, if it may be sent now, or says when it is looked at again. The error
// is that of the store.
func (g *Gatherer) decide(ctx context.Context, x *failure) error {
	s, now := g.settings.Load(), g.o.Now()
	if now.Sub(x.first) > longest {
		g.drop(x, WhyTooLate)
		return nil
	}
	if s.Send == reportsending.Off {
		g.drop(x, WhyStopped)
		return nil
	}
	known, err := g.known(ctx, s, x.domain)
	if err != nil {
		return err
	}
	if !known {
		g.drop(x, WhyUnknown)
		return nil
	}
	recent, err := g.o.Store.Reports(ctx, reportstore.Query{Kind: reports.Failure, Since: now.Add(-time.Minute), Limit: s.Rate})
	if err != nil {
		return err
	}
	if len(recent) >= s.Rate {
		g.postpone(x, now.Add(time.Minute))
		return nil
	}
	all := g.o.Destinations(ctx, x.domain)
	var to []string
	unknown := all.Unknown != ""
	for _, d := range all.List {
		switch d.Consent {
		case dmarc.ConsentGiven, dmarc.ConsentImplied:
			to = append(to, d.Address)
		case dmarc.ConsentUnknown:
			unknown = true
		}
	}
	switch {
	case unknown:
		g.postpone(x, now.Add(retryAfter))
		return nil
	case len(to) == 0:
		g.drop(x, WhyAddress)
		return nil
	}
	full, err := g.full(ctx, s, to, now)
	if err != nil {
		return err
	}
	if full {
		g.postpone(x, now.Add(retryAfter))
		return nil
	}
	return g.enqueue(ctx, s, x, to, now)
}

// known reports whether a domain may get failure reports.
func (g *Gatherer) known(ctx context.Context, s *Settings, domain string) (bool, error) {
	if s.Send != reportsending.Known || s.Known(domain) {
		return true, nil
	}
	subjects, err := g.o.Store.Subjects(ctx, reportstore.SubjectQuery{Domain: domain})
	return slices.ContainsFunc(subjects, func(x reports.Subject) bool { return x.DaysSeen >= reportsending.KnownDays }), err
}

// full reports whether an address has had as many reports as it may get in an hour.
func (g *Gatherer) full(ctx context.Context, s *Settings, to []string, now time.Time) (bool, error) {
	for _, address := range to {
		had, err := g.o.Store.Deliveries(ctx, reportstore.Query{Kind: reports.Failure, Address: address, Since: now.Add(-time.Hour), Limit: s.PerDestination})
		if err != nil || len(had) >= s.PerDestination {
			return err == nil, err
		}
	}
	return false, nil
}

// postpone has a report looked at again later. Until then failures go on being counted.
func (g *Gatherer) postpone(x *failure, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x.due = until
}

// enqueue puts a report into the outbox, which is made and sent at a time.
func (g *Gatherer) enqueue(ctx context.Context, s *Settings, x *failure, to []string, at time.Time) error {
	g.mu.Lock()
	g.remove(x) // what fails from here on begins another report
	f := x.fields
	f.Incidents = x.incidents
	g.mu.Unlock()
	r := reports.Report{
		ID: reports.NewID(), Kind: reports.Failure, Domain: x.domain, Begin: x.first.UTC(), End: x.last.UTC(), Submitter: s.Submitter,
		Created: at.UTC(), Records: 1, Messages: x.incidents,
	}
	var document bytes.Buffer
	err := report.WriteFailure(&document, &f, x.sample, report.FailureText{Boundary: r.ID, Submitter: s.Submitter, Contact: s.Contact, LeftOut: x.left})
	if err != nil {
		g.o.Log.Error("a failure report would not be valid", zap.String("domain", x.domain), zap.Error(err))
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stats.Dropped[WhyInvalid] += x.incidents
		return nil
	}
	r.Document = document.Bytes()
	if _, err := g.o.Store.Enqueue(ctx, &r, at, to...); err != nil {
		g.putBack(x)
		return fmt.Errorf("the outbox: %w", err)
	}
	g.mu.Lock()
	g.stats.Reports++
	g.mu.Unlock()
	g.o.Log.Info("failure report", zap.String("report", r.ID), zap.String("domain", x.domain), zap.String("failed", f.AuthFailure),
		zap.Strings("to", to), zap.Int64("incidents", x.incidents))
	return nil
}

// putBack opens a report again that the outbox did not take.
func (g *Gatherer) putBack(x *failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if later := g.open[x.like]; later != nil { // a failure came in between
		later.incidents += x.incidents
		later.first = x.first
		return
	}
	x.due = g.o.Now().Add(time.Minute)
	g.open[x.like] = x
	g.ofOne[x.domain]++
}
