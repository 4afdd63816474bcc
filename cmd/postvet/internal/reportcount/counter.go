// Package reportcount counts messages for DMARC reports beside the mail. Mail never waits for
// it: [Counter.Add] puts a row into a bounded queue, or drops and counts it. Rows that
// are alike are one in memory, and all there are go to the store once a second, in one
// transaction. If the process is killed, the rows of the last second are lost, and those
// that wait in the queue.
package reportcount

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
)

// Store is where messages are counted, a [reportstore.Store].
type Store interface {
	AddOnce(ctx context.Context, b reportstore.Batch, counted []reports.Counted, leftOut ...reportstore.LeftOut) (reportstore.Added, error)
	Heartbeat(ctx context.Context, node string, flushed time.Time) error
	Leave(ctx context.Context, node string) error
}

// Options are the options of a Counter. Store and Node are needed.
type Options struct {
	Store Store
	// Node is the name of this machine, which no other one that uses the store has.
	Node string
	// Logger receives a line when the store begins to fail, and one when it works again.
	Logger *zap.Logger
	// Queue bounds the rows that wait for the counting goroutine; default 16,384. Keys
	// bounds the rows that differ while the store does not take them; default 100,000,
	// some 60 MB. Full is how many of them go to the store at once; default 20,000.
	Queue, Keys, Full int
	// Every is how often rows go to the store; default 1s.
	Every time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Counter counts messages until Close. A nil Counter counts nothing. It is safe for
// concurrent use.
type Counter struct {
	opt   Options
	log   *zap.Logger
	queue chan *queued

	stop chan context.Context // of the last flush
	done chan struct{}

	skipped map[reporting.Skip]*atomic.Int64
	numbers numbers
}

// queued is a row in the queue.
type queued struct {
	day reports.Day
	row reporting.Row
}

// New returns a counter that counts until Close.
func New(o Options) *Counter {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Queue <= 0 {
		o.Queue = 16_384
	}
	if o.Keys <= 0 {
		o.Keys = 100_000
	}
	if o.Full <= 0 {
		o.Full = 20_000
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Counter{
		opt: o, log: o.Logger, queue: make(chan *queued, o.Queue), stop: make(chan context.Context, 1), done: make(chan struct{}),
		skipped: map[reporting.Skip]*atomic.Int64{},
	}
	for _, why := range reporting.Skips() {
		c.skipped[why] = new(atomic.Int64)
	}
	w := &writer{counter: c, name: rand.Text(), work: make(chan *batch), written: make(chan *batch, 1), closing: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.run()
	go c.run(w)
	return c
}

// Add counts a message that had its verdict at a time. It never blocks.
func (c *Counter) Add(row reporting.Row, at time.Time) {
	if c == nil {
		return
	}
	if row.Skip != "" {
		if n := c.skipped[row.Skip]; n != nil {
			n.Add(1)
		}
		return
	}
	select {
	case c.queue <- &queued{reports.DayOf(at), row}:
	default:
		c.numbers.droppedQueue.Add(1)
	}
}

// Close has the store take what was counted, if ctx gives the time, and ends. Nothing may
// be added any more.
func (c *Counter) Close(ctx context.Context) {
	if c == nil {
		return
	}
	select {
	case c.stop <- ctx:
	default: // closed before
	}
	<-c.done
}
