package service

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
)

// messageReports counts messages for DMARC reports. Its zero value counts nothing.
type messageReports struct {
	store   reportStore
	counter atomic.Pointer[reportcount.Counter] // nil if nothing is counted
	past    pastCounts
	ending  sync.WaitGroup // of counters that a reload has ended
	// failures is nil if no failure reports were made since the start.
	failures  atomic.Pointer[reportfailures.Gatherer]
	retaining background // removes what is too old

	envelopeTo atomic.Bool
	inbox      atomic.Pointer[addrlist.Mailboxes] // mail to these causes no report
	retention  atomic.Int64
}

// reportStore is the store of reports, which is opened when it is needed first: a database
// may be away when the service starts.
type reportStore struct {
	options reportstore.Options

	mu      sync.Mutex
	open    *reportstore.Store
	opening chan struct{} // has a value while a call opens the store
}

// get returns the open store. If another call is opening it, get waits for that call until ctx
// ends: a store may not answer.
func (r *reportStore) get(ctx context.Context) (*reportstore.Store, error) {
	s, opening := r.present()
	if s != nil {
		return s, nil
	}
	select {
	case opening <- struct{}{}:
		defer func() { <-opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s, _ = r.present(); s != nil {
		return s, nil
	}
	s, err := reportstore.Open(ctx, r.options)
	if err == nil {
		r.mu.Lock()
		r.open = s
		r.mu.Unlock()
	}
	return s, err
}

// present returns the open store, nil for none, and the channel that takes a value while a call
// opens the store.
func (r *reportStore) present() (*reportstore.Store, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opening == nil {
		r.opening = make(chan struct{}, 1)
	}
	return r.open, r.opening
}

// use sets where the store is, unless that was said before: a change needs a restart.
func (r *reportStore) use(c *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.options.File == "" && r.options.DSN == "" && c.Report.Stores() {
		r.options = reportstore.Options{File: c.ReportFile(), DSN: c.Journal.Postgres, AutoMigrate: c.Journal.AutoMigrate}
	}
}

func (r *reportStore) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return nil
	}
	return r.open.Close()
}

// AddOnce implements [reportcount.Store].
func (r *reportStore) AddOnce(ctx context.Context, b reportstore.Batch, counted []reports.Counted, leftOut ...reportstore.LeftOut) (reportstore.Added, error) {
	s, err := r.get(ctx)
	if err != nil {
		return reportstore.Added{}, err
	}
	return s.AddOnce(ctx, b, counted, leftOut...)
}

// Heartbeat implements [reportcount.Store].
func (r *reportStore) Heartbeat(ctx context.Context, node string, flushed time.Time) error {
	s, err := r.get(ctx)
	if err != nil {
		return err
	}
	return s.Heartbeat(ctx, node, flushed)
}

// Leave implements [reportcount.Store].
func (r *reportStore) Leave(ctx context.Context, node string) error {
	s, err := r.get(ctx)
	if err != nil {
		return err
	}
	return s.Leave(ctx, node)
}

// openReports begins to count, if the configuration has it.
func (d *daemon) openReports(c *config.Config) {
	d.metrics.WatchReports(d.reportStats)
	d.metrics.WatchFailures(d.failureStats)
	d.inbox = reportinbox.New(reportinbox.Options{Store: &d.reports.store, Logger: d.log.Named("report")})
	d.metrics.WatchInbox(d.inbox.Stats)
	d.changeReports(c)
	d.reports.retaining.replace(d.retainReports)
}

// closeReports has the store take what was counted.
func (d *daemon) closeReports() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	d.inbox.Close(ctx)
	d.reports.retaining.stop(closeTimeout)
	d.stopCounting(closeTimeout)
	d.reports.ending.Wait()
	d.closeFailures()
	if err := d.reports.store.close(); err != nil {
		d.log.Named("report").Error("closing the store of reports failed", zap.Error(err))
	}
}

// changeReports has counting follow a new configuration.
func (d *daemon) changeReports(c *config.Config) {
	r := &d.reports
	r.store.use(c)
	d.changeInbox(c)
	r.envelopeTo.Store(c.Report.EnvelopeTo)
	answered := slices.Clone(c.Report.Inbox)
	if c.Report.From != "" { // answers of machines to our reports
		answered = append(answered, c.Report.From)
	}
	r.inbox.Store(addrlist.NewMailboxes(answered...))
	r.retention.Store(int64(c.Report.Retention))
	d.changeFailures(c)
	switch counts := r.counter.Load() != nil; {
	case c.Report.Collects() && !counts:
		log := d.log.Named("report")
		node, err := c.Journal.NodeName()
		if err != nil {
			log.Error("messages are not counted for reports; mend it and restart the service", zap.Error(err))
			return
		}
		r.counter.Store(reportcount.New(reportcount.Options{Store: &r.store, Node: node, Logger: log}))
	case !c.Report.Collects() && counts:
		r.ending.Go(func() { d.stopCounting(closeTimeout) }) // a reload does not wait
	}
}

// stopCounting ends the present counter.
func (d *daemon) stopCounting(timeout time.Duration) {
	c := d.reports.counter.Swap(nil)
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c.Close(ctx)
	d.reports.past.add(c.Stats())
}

// countForReports counts a message that has its verdict.
func (d *daemon) countForReports(x *filter.Decision) {
	r := &d.reports
	c := r.counter.Load()
	if c == nil || x.Early {
		return // RFC 9989 section 7.1: what is refused before DATA is in no report
	}
	if x.Err != nil {
		c.Add(reporting.Row{Skip: reporting.SkipDeferred}, x.Ended) // it comes again
		return
	}
	row := reporting.Of(x.Results, &x.Verdict)
	if row.Skip == "" {
		if inbox := r.inbox.Load(); inbox != nil && hasMailbox(inbox, x.Results.Recipients) {
			row.Kind = reporting.OfReport
		}
		if r.envelopeTo.Load() {
			row.Record.EnvelopeTo = onlyDomain(x.Results.Recipients)
		}
	}
	c.Add(row, x.Ended)
}

func hasMailbox(set *addrlist.Mailboxes, recipients []string) bool {
	for _, to := range recipients {
		if set.Has(to) {
			return true
		}
	}
	return false
}

// onlyDomain returns the domain of all recipients; "" if they have several.
func onlyDomain(recipients []string) (only string) {
	for _, to := range recipients {
		_, domain := message.SplitPath(to)
		domain, ok := message.NormalizeDomain(domain)
		if !ok || only != "" && only != domain {
			return ""
		}
		only = strings.Clone(domain)
	}
	return only
}

// retainEvery is how often it is looked for reports that are too old.
const retainEvery = 6 * time.Hour

// retainReports removes reports that are too old until ctx ends.
func (d *daemon) retainReports(ctx context.Context) {
	timer := time.NewTimer(10 * time.Minute)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(retainEvery)
		}
		if !d.config().Report.Stores() {
			continue
		}
		log := d.log.Named("report")
		s, err := d.reports.store.get(ctx)
		if err == nil {
			var removed reportstore.Removed
			removed, err = s.Retain(ctx, time.Duration(d.reports.retention.Load()))
			if removed != (reportstore.Removed{}) {
				log.Info("old reports were removed", zap.Int64("reports", removed.Reports), zap.Int64("messages", removed.Messages))
			}
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("old reports cannot be removed", zap.Error(err))
		}
	}
}
