package reportcount

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

// writer hands batches to the store, one after the other.
type writer struct {
	counter *Counter
	name    string
	work    chan *batch
	// written receives nil for each batch that the store has taken. After closing was
	// closed, it receives a batch that the store has not.
	written chan *batch
	closing chan struct{}

	ctx    context.Context // ends an attempt
	cancel context.CancelFunc

	beat time.Time // when the last heartbeat was
	day  reports.Day
}

// The times between attempts and between heartbeats, and the longest attempt.
const (
	waitLeast   = time.Second
	waitMost    = 30 * time.Second
	beatEvery   = 30 * time.Second
	attemptTime = time.Minute
)

// run writes batches until work is closed.
func (w *writer) run() {
	for b := range w.work {
		w.written <- w.write(b)
	}
}

// write has the store take a batch, however often it fails meanwhile.
func (w *writer) write(b *batch) (left *batch) {
	for wait := waitLeast; ; wait = min(2*wait, waitMost) {
		err := w.attempt(w.ctx, b)
		if err == nil {
			w.works()
			return nil
		}
		w.failed(err)
		select {
		case <-w.closing:
			return b
		case <-time.After(wait):
		}
	}
}

// attempt has the store take a batch, and tells it that this node is alive.
func (w *writer) attempt(ctx context.Context, b *batch) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal error: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	c := w.counter
	if !b.kept && b.messages > 0 {
		began := time.Now()
		added, err := c.opt.Store.AddOnce(ctx, reportstore.Batch{Writer: w.name, N: b.n}, b.counted, b.allLeftOut()...)
		if err != nil {
			return err
		}
		b.kept = true
		c.numbers.flushed(time.Since(began), b, added)
	}
	if since := b.until.Sub(w.beat); since >= 0 && since < beatEvery && reports.DayOf(b.until) == w.day {
		return nil
	}
	if err := c.opt.Store.Heartbeat(ctx, c.opt.Node, b.until); err != nil {
		return err
	}
	w.beat, w.day = b.until, reports.DayOf(b.until)
	return nil
}

// failed tells a failure once.
func (w *writer) failed(err error) {
	why := foreign.Terminal(err.Error(), 500)
	if w.counter.numbers.fails(why) {
		w.counter.log.Error("messages cannot be counted for reports; mail is not affected, and they are counted in memory until there is no room", zap.String("error", why))
	}
}

func (w *writer) works() {
	if since := w.counter.numbers.works(); since > 0 {
		w.counter.log.Info("messages are counted for reports again", zap.Duration("after", since.Round(time.Second)))
	}
}
