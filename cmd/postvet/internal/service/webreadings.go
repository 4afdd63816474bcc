package service

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// The bounds of what is read of the reports about one of our domains.
const (
	sendersTime    = 30 * 24 * time.Hour
	sendersReports = 3000
	// knownKept is how long a page that needs no newer result takes the one that is there,
	// whatever came since.
	knownKept = 10 * time.Minute
	// readingTime bounds a reading. readingKept is how long its result is shown without new
	// reports: the sender of an old one may be proven later.
	readingTime = time.Minute
	readingKept = time.Hour
)

// readings are what the reports of others say about our domains. Those of a month take seconds to
// read where many come, so that a page does not wait for them: a goroutine goes on, and the next
// page finds what it has read.
type readings struct {
	group  sync.WaitGroup
	ctx    context.Context // ends with the web page
	cancel context.CancelFunc
	turn   chan struct{} // has a token while a goroutine reads: the processors are for the mail

	mu sync.Mutex
	of map[string]*reading // by domain
}

// reading is what the reports about a domain say, or its beginning.
type reading struct {
	newest int64 // the report that came last
	begun  time.Time
	done   chan struct{}
	back   atomic.Int64 // how far it came, in Unix seconds; 0 for nowhere
	// former is what an earlier reading found, nil without one.
	former *sources.Summary

	// Once done is closed, these are set. all is false if there are more reports.
	summary *sources.Summary
	all     bool
	err     error
}

func newReadings() *readings {
	r := &readings{turn: make(chan struct{}, 1), of: map[string]*reading{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// stop ends all readings.
func (r *readings) stop() {
	r.cancel()
	r.group.Wait()
}

// get returns the reading of the reports up to the newest one, and begins it if there is none.
func (r *readings) get(domain string, newest int64, store web.ReportReader) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[domain]
	if x != nil && (!x.ended() || x.err == nil && x.newest == newest && time.Since(x.begun) < readingKept) {
		return x // the page after one that is not over asks again
	}
	next := &reading{newest: newest, begun: time.Now(), done: make(chan struct{})}
	if x != nil {
		next.former = x.summary
	}
	r.of[domain] = next
	r.group.Go(func() {
		defer close(next.done)
		select {
		case r.turn <- struct{}{}:
			defer func() { <-r.turn }()
		case <-r.ctx.Done():
			next.err = r.ctx.Err()
			return
		}
		next.err = next.read(r.ctx, domain, store)
	})
	return next
}

func (x *reading) ended() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

// read reads the reports. It counts only those that are trusted, and that tell of days that had
// come: otherwise one reporter could have the newest policy and the newest day for years, so that
// no sender would be new.
func (x *reading) read(ctx context.Context, domain string, store web.ReportReader) error {
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	sink := sources.NewSink(domain, func(*received.Report) {})
	unproven, n := 0, 0
	err := store.Received(ctx, sendersFilter(domain, sendersReports), func(r *reports.Received) error {
		n++
		if !r.Trusted() || r.Premature() {
			unproven++
			return nil
		}
		err := received.Replay(r, endingSink{sink, ctx})
		x.back.Store(r.Arrived.Unix())
		return err
	})
	if x.all = n < sendersReports; err != nil || sink.Reports == 0 {
		return err
	}
	x.summary = sink.Analysis.Summary(nil)
	x.summary.Unproven = unproven
	return nil
}

// endingSink is a sink that takes no more when its time is over, also in the middle of a report.
type endingSink struct {
	*sources.Sink
	ctx context.Context
}

// Record implements [received.Sink].
func (s endingSink) Record(p received.Place, h *report.Head, r *report.Record) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.Sink.Record(p, h, r)
}

// sendersFilter selects the newest reports about a domain.
func sendersFilter(domain string, limit int) reports.ReceivedFilter {
	return reports.ReceivedFilter{Kind: reports.ReceivedAggregate, Domain: domain, Since: time.Now().Add(-sendersTime), Limit: limit, Documents: limit > 1}
}

// Senders implements web.ReportSource.
func (s webSource) Senders(ctx context.Context, domain string, within time.Duration) (web.Senders, error) {
	store, err := s.Reports(ctx)
	if err != nil {
		return web.Senders{}, err
	}
	return s.readings.senders(ctx, store, domain, within)
}

// KnownSenders implements web.ReportSource.
func (s webSource) KnownSenders(ctx context.Context, domain string) (web.Senders, error) {
	if x := s.readings.known(domain); x != nil {
		return x.found()
	}
	return s.Senders(ctx, domain, 0)
}

// known returns a reading that is going on or not old; nil for none. One that failed is known too:
// each first page would have the processors busy with it for readingTime.
func (r *readings) known(domain string) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.of[domain]
	if x == nil || x.ended() && time.Since(x.begun) >= knownKept {
		return nil
	}
	return x
}

func (r *readings) senders(ctx context.Context, store web.ReportReader, domain string, within time.Duration) (web.Senders, error) {
	newest := int64(0)
	err := store.Received(ctx, sendersFilter(domain, 1), func(last *reports.Received) error {
		newest = last.ID
		return nil
	})
	if err != nil || newest == 0 {
		return web.Senders{Complete: err == nil}, err
	}
	x := r.get(domain, newest, store)
	select {
	case <-x.done:
	case <-time.After(within):
	case <-ctx.Done():
	}
	return x.found()
}

// found returns what the reading has found so far.
func (x *reading) found() (web.Senders, error) {
	found := web.Senders{Summary: x.former}
	if x.ended() {
		if x.err != nil {
			return web.Senders{}, x.err
		}
		found.Summary, found.Complete = x.summary, true
	}
	if back := x.back.Load(); back != 0 && !(found.Complete && x.all) {
		found.Searched = time.Unix(back, 0).UTC()
	}
	return found, nil
}
