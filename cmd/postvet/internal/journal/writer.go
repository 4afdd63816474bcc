package journal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/foreign"
)

// write is the goroutine that writes rows.
func (r *Recorder) write() {
	defer close(r.done)
	ticker := time.NewTicker(r.opt.Every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			r.writeAll(now)
			if now.Sub(r.lastTick) >= time.Minute || r.lastTick.IsZero() {
				r.lastTick = now
				r.tick(now)
			}
		case <-r.wake:
			r.writeAll(time.Now())
		case asked := <-r.asks:
			r.writeAll(time.Now())
			close(asked)
		case <-r.stop:
			r.nextTry = time.Time{}
			r.writeAll(time.Now())
			if err := r.opt.Store.Close(); err != nil {
				r.opt.Logger.Error("closing the journal failed", zap.Error(err))
			}
			return
		}
	}
}

// writeAll writes all rows that wait, those of Rest first. While writing fails, it tries
// again after Options.Retry alone.
func (r *Recorder) writeAll(now time.Time) {
	if now.Before(r.nextTry) {
		return
	}
	for _, c := range [rows.Classes]rows.Class{rows.Rest, rows.Accepted} {
		r.mu.Lock()
		var chunks []*chunk
		if r.memory.count[c] > 0 {
			chunks = r.memory.takeAll(c, nil)
		}
		r.mu.Unlock()
		if len(chunks) == 0 {
			continue
		}
		began := time.Now()
		n, err := r.writeChunks(c, chunks)
		r.writing.Add(int64(time.Since(began)))
		r.mu.Lock()
		if err != nil {
			r.memory.putBack(c, chunks)
		} else {
			r.memory.giveBack(chunks)
		}
		r.mu.Unlock()
		if err != nil {
			r.writeFailed(now, err)
			return
		}
		r.written[c].Add(int64(n))
		r.works()
	}
}

// writeChunks writes rows of a class. A panic in the store is an error as any other: mail
// does not depend on the journal.
func (r *Recorder) writeChunks(c rows.Class, chunks []*chunk) (n int, err error) {
	defer r.recovered(&err)
	b := &rows.Batch{Level: r.opt.Level, Key: r.opt.Store.Key}
	for _, k := range chunks {
		b.Parts = append(b.Parts, k.b)
		n += k.rows
	}
	if err := r.opt.Store.Write(c, b); err != nil {
		return 0, err
	}
	return n, nil
}

func (r *Recorder) tick(now time.Time) {
	var err error
	defer r.recovered(&err)
	r.opt.Store.Tick(now)
}

// recovered sets err to a panic, and logs it.
func (r *Recorder) recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("internal error: %v", v)
		r.opt.Logger.Error("panic in the journal", zap.Error(*err), zap.Stack("stack"))
	}
}

// writeFailed tells a failure once.
func (r *Recorder) writeFailed(now time.Time, err error) {
	r.failures.Add(1)
	r.failed++
	if r.failed < attempts {
		return
	}
	r.nextTry = now.Add(r.opt.Retry)
	why := foreign.Terminal(err.Error(), 500)
	if r.failing.Swap(&why) == nil {
		r.opt.Logger.Error("the journal cannot be written; mail is not affected, but its rows will be missing", zap.String("error", why))
	}
}

func (r *Recorder) works() {
	r.failed, r.nextTry = 0, time.Time{}
	if r.failing.Swap(nil) != nil {
		r.opt.Logger.Info("the journal can be written again")
	}
}
