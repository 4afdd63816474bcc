package journal

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Store keeps rows and counts. Its methods are called by one goroutine at a time.
type Store interface {
	// Write keeps all rows of a batch or none of them. It skips rows that it has.
	Write(c rows.Class, b *rows.Batch) error
	// Key returns the secret for the hashes of a time.
	Key(at time.Time) (*rows.Key, error)
	// WriteCounts keeps counts, all of them or none.
	WriteCounts(w *counts.Write) error
	// RecentCounts returns the parts of hours that are kept and are not over.
	RecentCounts() ([]counts.Part, error)
	// WriteRecords keeps DNS records, each text once. It replaces those that it has for
	// the times when they were met.
	WriteRecords(all []rows.Published) error
	// Tick is called at least once a minute, also while nothing is written.
	Tick(now time.Time)
	Close() error
}

// Options are the options of a Recorder. Level and Store are needed unless Level is Off.
type Options struct {
	Level rows.Level
	Store Store
	// Logger receives a line when writing begins to fail, and one when it works again.
	Logger *zap.Logger
	// Memory bounds the rows that wait, in octets. Default 16 MiB, at least 256 KiB.
	Memory int
	// Every is the time after which rows are written at the latest. Default 1s.
	Every time.Duration
	// Retry is the time between attempts while writing fails. Default 1m.
	Retry time.Duration
}

// batchRows is how many rows are worth a transaction of their own.
const batchRows = 2048

// Recorder takes rows while mail flows. It is safe for concurrent use. A nil Recorder keeps
// nothing.
type Recorder struct {
	opt   Options
	level rows.Level // of the rows in memory
	wake  chan struct{}
	asks  chan chan struct{} // to write at once
	stop  chan struct{}
	done  chan struct{}
	// filled says that a chunk is full. counted is closed when counting has ended.
	filled, counted chan struct{}

	mu      sync.Mutex
	memory  memory
	records records
	encoder rows.Encoder
	closed  bool

	written  [rows.Classes]atomic.Int64
	failures atomic.Int64
	writing  atomic.Int64 // nanoseconds

	counting sync.Mutex // of counter and buffer; it is locked before mu
	counter  counts.Counter
	buffer   []byte

	rowFaults, countFaults faults

	// Only the writer uses these.
	lastTick, lastCounts time.Time
	restored             bool // the counts of the former process
	// recordsFail is true while DNS records cannot be written.
	recordsFail bool
}

// NewRecorder returns a recorder that writes until Close.
func NewRecorder(o Options) *Recorder {
	if o.Level == rows.Off {
		return nil
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Memory <= 0 {
		o.Memory = 16 << 20
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Retry <= 0 {
		o.Retry = time.Minute
	}
	r := &Recorder{
		opt: o, wake: make(chan struct{}, 1), asks: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
		filled: make(chan struct{}, 1), counted: make(chan struct{}), memory: memory{most: max(4, o.Memory/chunkSize)}, lastCounts: time.Now(),
	}
	if r.level = o.Level; !o.Level.KeepsRows() {
		r.level = rows.Domains // the least that is counted
	} else {
		r.records = newRecords()
	}
	go r.count()
	go r.write()
	return r
}

// Add keeps a row. It neither waits nor allocates, and keeps nothing of what the row
// refers to.
func (r *Recorder) Add(row *rows.Row) {
	if r == nil {
		return
	}
	c := row.Class()
	r.mu.Lock()
	k := r.memory.room(c)
	if k == nil || r.closed {
		r.mu.Unlock()
		return
	}
	k.b = r.encoder.Append(k.b, row, r.level)
	k.rows++
	r.memory.count[c]++
	wake, filled := r.memory.count[c]%batchRows == 0, cap(k.b)-len(k.b) < rows.MaxRow
	if r.opt.Level.KeepsRows() {
		r.records.add(row, c)
	}
	r.mu.Unlock()
	if filled {
		select {
		case r.filled <- struct{}{}:
		default:
		}
	}
	if wake {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Flush writes all rows that wait, so that a search finds them. It returns
// when that is done or has failed, or when ctx ends.
func (r *Recorder) Flush(ctx context.Context) {
	if r == nil {
		return
	}
	asked := make(chan struct{})
	select {
	case r.asks <- asked:
	case <-r.done:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-asked:
	case <-r.done:
	case <-ctx.Done():
	}
}

// Close writes what waits and closes the store. If that does not end with ctx, it goes on
// without anybody who waits.
func (r *Recorder) Close(ctx context.Context) {
	if r == nil {
		return
	}
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	if !again {
		close(r.stop)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		r.opt.Logger.Error("the journal was not closed in time; its newest rows may be missing")
	}
}

// Stats are the counts of a recorder since its start.
type Stats struct {
	// Written and Dropped count rows by class.
	Written, Dropped [rows.Classes]int64
	// Missing is the number of rows that were not counted, and Other how many messages were
	// counted under [counts.Other], by kind.
	Missing int64
	Other   [counts.Kinds]int64
	// Waiting is the number of octets that wait, and Memory how many may.
	Waiting, Memory int
	// RecordsDropped counts DNS records that were not kept, as there were too many.
	RecordsDropped int64
	// Failures counts attempts to write that failed. Failing says why writing fails at
	// present; "" if it does not.
	Failures int64
	Failing  string
	// Writing is the time that was spent on writing.
	Writing time.Duration
}

// Stats returns the present counts.
func (r *Recorder) Stats() Stats {
	var s Stats
	if r == nil {
		return s
	}
	r.mu.Lock()
	s.Dropped, s.RecordsDropped = r.memory.dropped, r.records.dropped
	s.Waiting, s.Memory = r.memory.octets(), r.memory.most*chunkSize
	s.Missing = r.memory.missed
	r.mu.Unlock()
	c := r.countStats()
	s.Other, s.Missing = c.Other, s.Missing+c.Missing
	for c := range s.Written {
		s.Written[c] = r.written[c].Load()
	}
	s.Failures, s.Writing = r.failures.Load(), time.Duration(r.writing.Load())
	for _, f := range []*faults{&r.countFaults, &r.rowFaults} {
		if why := f.failing.Load(); why != nil {
			s.Failing = *why
		}
	}
	return s
}
