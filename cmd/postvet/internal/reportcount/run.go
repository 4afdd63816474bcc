package reportcount

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// run counts what comes out of the queue, and hands it to the writer.
func (c *Counter) run(w *writer) {
	defer close(c.done)
	ticker := time.NewTicker(c.opt.Every)
	defer ticker.Stop()
	next, busy := newBatch(1), false
	hand := func() {
		if busy {
			return // the store has not taken the one before
		}
		c.complete(next)
		w.work <- next
		next, busy = newBatch(next.n+1), true
		c.numbers.keys.Store(0)
	}
	for {
		select {
		case q := <-c.queue:
			c.count(next, q)
			if len(next.counted) >= c.opt.Full {
				hand()
			}
		case <-w.written: // it gives nothing back before closing is closed
			busy = false
		case <-ticker.C:
			hand()
		case ctx := <-c.stop:
			c.complete(next)
			c.finish(ctx, w, next, busy)
			return
		}
	}
}

// complete adds what is in the queue at present, so that the batch has all messages up to
// now.
func (c *Counter) complete(b *batch) {
	b.until = c.opt.Now()
	for range len(c.queue) {
		c.count(b, <-c.queue)
	}
}

func (c *Counter) count(b *batch, q *queued) {
	if !b.add(q, c.opt.Keys) {
		c.numbers.droppedMemory.Add(1)
	}
	c.numbers.keys.Store(int64(len(b.counted)))
}

// finish has the store take what is left, if ctx gives the time.
func (c *Counter) finish(ctx context.Context, w *writer, last *batch, busy bool) {
	close(w.closing)
	var left *batch
	if busy {
		select {
		case left = <-w.written:
		case <-ctx.Done():
			w.cancel()
			left = <-w.written
		}
	}
	close(w.work)
	defer w.cancel()
	lost := int64(0)
	for _, b := range []*batch{left, last} {
		if b == nil {
			continue
		}
		if err := w.attempt(ctx, b); err != nil {
			w.failed(err)
			lost += b.messages
		}
	}
	c.numbers.droppedStop.Add(lost)
	if lost > 0 {
		c.log.Error("the service ends, and messages that were counted for reports are lost", zap.Int64("messages", lost))
		return
	}
	if err := c.opt.Store.Leave(ctx, c.opt.Node); err != nil {
		c.log.Warn("the store of reports was not told that this node ends; others wait 10 minutes for it", zap.Error(err))
	}
}
