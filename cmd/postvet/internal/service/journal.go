package service

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/addrlist"
)

// messageJournal is the journal of the service. Its zero value keeps nothing.
type messageJournal struct {
	dir      string // "" for none
	recorder *journal.Recorder
	store    *sqlite.Store
	reader   *sqlite.Reader
	shipper  *postgres.Shipper // nil for none
	failed   string            // why it could not be opened

	exempt atomic.Bool // mail that is exempt is kept too
	ignore atomic.Pointer[addrlist.List]
}

// openJournal opens the journal. A service without it is better than none, so a failure is
// told and that is all.
func (d *daemon) openJournal(c *config.Config) {
	j := &d.journal
	if c.Journal.Directory == "" {
		return
	}
	j.dir = c.Journal.Directory
	j.reader = sqlite.NewReader(j.dir)
	d.metrics.WatchJournal(d.journalStats)
	if c.Journal.Privacy == rows.Off {
		return
	}
	log := d.log.Named("journal")
	store, err := sqlite.Open(sqlite.Options{Dir: j.dir, Logger: log, Sync: c.Journal.Sync == config.JournalSyncFull})
	if err != nil {
		j.failed = err.Error()
		log.Error("there is no journal; mail is not affected. After the fault is mended, restart the service", zap.String("directory", j.dir), zap.Error(err))
		return
	}
	j.store = store
	d.openShipper(c)
	d.changeJournal(c)
	j.recorder = journal.NewRecorder(journal.Options{Level: c.Journal.Privacy, Store: store, Logger: log, Memory: int(c.Journal.Memory)})
}

// closeTimeout bounds how long the service waits for the journal at its end.
const closeTimeout = 10 * time.Second

func (d *daemon) closeJournal() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	d.journal.recorder.Close(ctx)
	d.journal.shipper.Close(ctx)
}

// changeJournal has the journal follow a new configuration, and keep its rules beside the
// rows.
func (d *daemon) changeJournal(c *config.Config) {
	j := &d.journal
	j.exempt.Store(c.Journal.Exempt == config.JournalExemptKeep)
	j.ignore.Store(c.Journal.Ignore.Set)
	if j.store == nil {
		return
	}
	keep := [rows.Classes]time.Duration{rows.Accepted: c.Journal.KeepAccepted, rows.Rest: c.Journal.Keep}
	if j.shipper != nil {
		j.shipper.SetKeep(postgres.Keep{Rows: keep, Counts: c.Journal.KeepCounts, ClientAfter: c.Journal.ClientAfter})
		j.store.SetSpool(c.Journal.SpoolKeep, j.shipper)
	}
	j.store.SetOptions(keep, c.Journal.KeepCounts, c.Journal.ClientAfter, int64(c.Journal.MaxSize), float64(c.Journal.MinFree)/100)
	g := c.Generation()
	g.Since = time.Now()
	j.store.AddGeneration(g)
}

// record has the journal keep a message that has its verdict.
func (d *daemon) record(x *filter.Decision) {
	j := &d.journal
	if j.recorder == nil || x.Results.Exempt != "" && !j.exempt.Load() || j.ignores(x) {
		return
	}
	row := rows.Row{
		Ref: x.Results.Reference, Queue: x.QueueID, MessageID: x.MessageID, Host: x.Client.IP,
		Recipients: x.Recipients, Early: x.Early, Undelivered: x.Err != nil, Took: x.Took, Generation: x.Generation,
		Faults: x.Faults, Results: x.Results, Verdict: &x.Verdict,
	}
	if row.Ref == 0 {
		row.Ref = d.refs.Next(x.Ended)
	}
	if x.Shadow != nil && x.Shadow.Differs(x.Verdict) {
		row.ShadowAction, row.ShadowRule = x.Shadow.Action, x.Shadow.Rule
	}
	j.recorder.Add(&row)
}

// ignores reports whether a message has a recipient whose mail is not kept.
func (j *messageJournal) ignores(x *filter.Decision) bool {
	list := j.ignore.Load()
	return list.HasNames() && slices.ContainsFunc(x.Results.Recipients, list.At(x.Ended).DomainOf)
}

// journalStats returns the counts of the journal for the metrics.
func (d *daemon) journalStats() metrics.JournalStats {
	j := &d.journal
	s := metrics.JournalStats{Stats: j.recorder.Stats(), Shipping: j.shipper.Stats()}
	if j.failed != "" {
		s.Failing = j.failed
	}
	s.KnownDomains, s.KnownForwarders = d.patterns.known.Load().Size()
	s.PatternFailures = d.patterns.failures.Load()
	s.Bytes, s.Oldest = sqlite.Size(j.dir)
	return s
}
