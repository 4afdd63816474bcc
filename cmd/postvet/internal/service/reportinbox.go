package service

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// AddReceived implements [reportinbox.Store].
func (r *reportStore) AddReceived(ctx context.Context, report *reports.Received) (reports.Outcome, error) {
	s, err := r.get(ctx)
	if err != nil {
		return "", err
	}
	return s.AddReceived(ctx, report)
}

// changeInbox has the inbox follow a new configuration.
func (d *daemon) changeInbox(c *config.Config) {
	d.inbox.SetAddresses(addrlist.NewMailboxes(c.Report.Inbox...))
	if b := d.reportBounces(c); b != nil {
		d.inbox.SetBounces(b)
	} else {
		d.inbox.SetBounces(nil)
	}
}

// reportBounces returns who reads bounces of our reports; nil if none are sent.
func (d *daemon) reportBounces(c *config.Config) *reportBounces {
	if c.Report.Send == config.ReportSendOff {
		return nil
	}
	s := reportsending.Settings{Send: reportsending.Send(c.Report.Send), From: c.Report.From, BounceDomain: c.Report.BounceDomain}
	return &reportBounces{bounces: reportsending.NewBounces(s, nil, nil, d.log.Named("report")), store: &d.reports.store}
}

// reportBounces reads bounces of our reports.
type reportBounces struct {
	bounces *reportsending.Bounces // without its store, which is opened when it is needed
	store   *reportStore
}

// open returns bounces with the store.
func (b *reportBounces) open(ctx context.Context) (*reportsending.Bounces, error) {
	s, err := b.store.get(ctx)
	if err != nil {
		return nil, err
	}
	opened := *b.bounces
	opened.Store = s
	return &opened, nil
}

// IsBounce implements [reportinbox.Bounces].
func (b *reportBounces) IsBounce(recipient string) bool {
	return b.bounces.IsBounce(recipient)
}

// Bounce implements [reportinbox.Bounces].
func (b *reportBounces) Bounce(ctx context.Context, recipient string, message io.Reader) error {
	x, err := b.open(ctx)
	if err != nil {
		return err
	}
	return x.Bounce(ctx, recipient, message)
}

// lookupTimeout bounds how long a message waits for the store, which happens to none but
// those with the null sender and a recipient of the form of a bounce.
const lookupTimeout = 2 * time.Second

// isSender reports whether an address was the envelope sender of a report. If the store
// does not answer, it was not, and the bounce is delivered.
func (b *reportBounces) isSender(recipient string) bool {
	if !b.IsBounce(recipient) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	x, err := b.open(ctx)
	if err != nil {
		return false
	}
	known, err := x.Known(ctx, recipient)
	return err == nil && known
}

// copyForReports begins a copy of a message if mail to a recipient is read.
func (d *daemon) copyForReports(recipient string) filter.Copy {
	if m := d.inbox.Copy(recipient); m != nil {
		return m
	}
	return nil
}

// readForReports has a copy read if its message was delivered, or dropped as a bounce. What
// was refused comes again, or is not wanted.
func (d *daemon) readForReports(x *filter.Decision) {
	m, ok := x.Copy.(*reportinbox.Message)
	if !ok {
		return
	}
	consumed := x.Verdict.Action == result.Discard && x.Verdict.Rule == result.RuleReportBounce
	if x.Err != nil || !x.Verdict.Action.Delivers() && !consumed || m.IsBounce() && (x.Results.MailFrom != "" || x.Results.MailFromUnknown) {
		m.Drop()
		return
	}
	a := reportinbox.Arrival{
		Queue: x.QueueID, At: x.Ended, Author: x.Results.DMARC.AuthorDomain, Result: string(cmp.Or(x.Results.DMARC.Status, dmarc.None)),
	}
	if x.Results.Exempt != "" {
		a.Result = reports.ResultExempt
	}
	d.inbox.Add(m, a)
}
