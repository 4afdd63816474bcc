package service

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dmarc"
)

// reportsLease is the lease of the node that makes and sends reports.
const reportsLease = "reports"

// ReportSettings returns how a configuration has reports sent.
func ReportSettings(c *config.Config) reportsending.Settings {
	r := &c.Report
	return reportsending.Settings{
		Send: reportsending.Send(r.Send), Known: isIn(r.Known), Excluded: isIn(r.Exclude), Forged: r.Forged,
		Submitter: r.Submitter, OrgName: r.OrgName, Email: r.Email, Contact: r.Contact, From: r.From, BounceDomain: r.BounceDomain,
		Window: r.SendWindow, Rate: r.Rate, MaxPerDay: r.MaxPerDay, DNSBL: r.DestinationsDNSBL,
	}
}

// isIn returns whether a domain is in a list, by the entries that have not ended.
func isIn(l config.List) func(string) bool {
	return func(domain string) bool { return l.Set.At(time.Now()).Name(domain) }
}

// ReportOptions returns how a configuration has reports made and sent. Store, Now and Log
// are left to the caller. source has the keys that sign; it is not asked for unless the
// configuration has reports signed. build names this program.
func ReportOptions(c *config.Config, dns dmarc.Resolver, source func() *keys.Source, build string) (reportsending.Options, error) {
	o := reportsending.Options{
		Settings: ReportSettings(c), DNS: dns, DMARC: dmarc.Options{Discovery: c.Policy.OrganizationalDomain}, Generator: "Postvet " + build,
	}
	var err error
	if o.Node, err = c.Journal.NodeName(); err != nil {
		return o, err
	}
	client, err := ReportServer(c, submission.Options{Hello: o.Node})
	if err != nil {
		return o, err
	}
	o.Submit = client.Submit
	if c.Report.DKIMDomain != "" {
		k := source()
		if k == nil {
			return o, errors.New("report.dkim_domain needs sign.keys")
		}
		o.Sign = (&reportsending.Signer{Keys: k, DNS: dns, Domain: c.Report.DKIMDomain, Selector: c.Report.DKIMSelector}).Sign
	}
	if dsn := c.Journal.Postgres; dsn != "" {
		leases := &postgres.Leases{Database: &postgres.Database{DSN: dsn}, Holder: postgres.NewHolder(o.Node)}
		o.Exclusive = func(ctx context.Context, f func(context.Context) error) (bool, error) {
			return leases.Do(ctx, reportsLease, func(ctx context.Context, _ postgres.Lease) error { return f(ctx) })
		}
	}
	return o, nil
}

// sendReports begins to send the reports of a configuration, once the work for the one
// before has ended.
func (d *daemon) sendReports(c *config.Config) {
	var next *reportsending.Sender
	if c.Report.Send != config.ReportSendOff {
		next = d.newSender(c)
	}
	if before := d.sender.Swap(next); before != nil {
		d.pastSender.Store(before)
	}
	if next == nil {
		d.sending.replace(nil)
		return
	}
	before := d.pastSender.Load()
	next.Follow(before)
	d.sending.replace(func(ctx context.Context) {
		next.Follow(before) // which may have counted on
		next.Run(ctx)
	})
}

// newSender returns what sends the reports of a configuration; nil if nothing can.
func (d *daemon) newSender(c *config.Config) *reportsending.Sender {
	log := d.log.Named("report")
	o, err := ReportOptions(c, &d.dns, func() *keys.Source { return d.signingKeys(c) }, d.opt.Version)
	if err == nil {
		o.Log = log
		o.OpenStore = func(ctx context.Context) (reportsending.Store, error) { return d.reports.store.get(ctx) }
		var s *reportsending.Sender
		if s, err = reportsending.New(o); err == nil {
			return s
		}
	}
	log.Error("reports are not sent; mend it and restart the service", zap.Error(err))
	return nil
}

// stopSending ends the sending of reports, and waits for the end for a moment: a report
// that the MTA is just taking would be sent twice.
func (d *daemon) stopSending() {
	if s := d.sender.Swap(nil); s != nil {
		d.pastSender.Store(s)
	}
	d.sending.stop(closeTimeout)
}

// sendingStats returns the numbers of the reports that are sent. Counters of the metrics
// never fall.
func (d *daemon) sendingStats() reportsending.Stats {
	if s := d.sender.Load(); s != nil {
		return s.Stats()
	}
	return d.pastSender.Load().Stats()
}
