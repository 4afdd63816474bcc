package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// failureSettings returns how a configuration has failure reports made. build names this
// program.
func failureSettings(c *config.Config, build string) reportfailures.Settings {
	r := &c.Report
	host, _ := c.Journal.NodeName()
	_, from := message.SplitPath(r.From)
	ours := isIn(c.Policy.OwnDomains)
	s := reportfailures.Settings{
		Send: reportsending.Send(r.Failure.Send), Known: isIn(r.Known), Excluded: isIn(r.Exclude),
		Own: func(domain string) bool {
			return ours(domain) || domain == r.Submitter || message.Below(domain, from) || r.BounceDomain != "" && message.Below(domain, r.BounceDomain)
		},
		Submitter: r.Submitter, Contact: r.Email, PerDestination: r.Failure.PerDestination, Rate: r.Failure.Rate, Subject: r.Failure.Subject,
		Program: "Postvet/" + build, Host: host,
	}
	if r.Send == config.ReportSendOff { // nothing sends them
		s.Send = reportsending.Off
	}
	return s
}

// changeFailures has failures gathered by a new configuration.
func (d *daemon) changeFailures(c *config.Config) {
	s := failureSettings(c, d.opt.Version)
	if g := d.reports.failures.Load(); g != nil {
		g.SetSettings(s)
		return
	}
	if s.Send == reportsending.Off {
		return
	}
	d.reports.failures.Store(reportfailures.New(reportfailures.Options{
		Store: &d.reports.store, Settings: s, Log: d.log.Named("report"),
		Destinations: func(ctx context.Context, domain string) reportsending.Destinations {
			o := dmarc.Options{Discovery: d.config().Policy.OrganizationalDomain}
			return reportsending.DestinationsOf(ctx, &d.dns, o, domain, reports.Failure)
		},
	}))
}

// closeFailures has the outbox take the failure reports that are open.
func (d *daemon) closeFailures() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	d.reports.failures.Load().Close(ctx)
}

// gatherFailure takes a message that has its verdict.
func (d *daemon) gatherFailure(x *filter.Decision) {
	r := &d.reports
	g := r.failures.Load()
	if g == nil || x.Early || x.Err != nil {
		return // what was refused before DATA has no author; what failed comes again
	}
	if inbox := r.inbox.Load(); inbox != nil && hasMailbox(inbox, x.Results.Recipients) {
		return
	}
	g.Add(x.Results, &x.Verdict)
}

// failureStats returns the counts of failure reports.
func (d *daemon) failureStats() reportfailures.Stats { return d.reports.failures.Load().Stats() }

// Enqueue implements [reportfailures.Store].
func (r *reportStore) Enqueue(ctx context.Context, x *reports.Report, due time.Time, addresses ...string) (bool, error) {
	s, err := r.get(ctx)
	if err != nil {
		return false, err
	}
	return s.Enqueue(ctx, x, due, addresses...)
}

// Deliveries implements [reportfailures.Store].
func (r *reportStore) Deliveries(ctx context.Context, q reportstore.Query) ([]reportstore.Sent, error) {
	s, err := r.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Deliveries(ctx, q)
}

// Reports implements [reportfailures.Store].
func (r *reportStore) Reports(ctx context.Context, q reportstore.Query) ([]reports.Report, error) {
	s, err := r.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Reports(ctx, q)
}

// Subjects implements [reportfailures.Store].
func (r *reportStore) Subjects(ctx context.Context, q reportstore.SubjectQuery) ([]reports.Subject, error) {
	s, err := r.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Subjects(ctx, q)
}
