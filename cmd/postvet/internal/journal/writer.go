package journal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
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
	for _, c := range [Classes]Class{Rest, Accepted} {
		r.mu.Lock()
		var chunks []*chunk
		if r.memory.rows[c] > 0 {
			chunks = r.memory.takeAll(c, nil)
		}
		r.mu.Unlock()
		if len(chunks) == 0 {
			continue
		}
		began := time.Now()
		rows, err := r.writeChunks(c, chunks)
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
		r.written[c].Add(int64(rows))
		r.works()
	}
}

// writeChunks writes rows of a class. A panic in the store is an error as any other: mail
// does not depend on the journal.
func (r *Recorder) writeChunks(c Class, chunks []*chunk) (rows int, err error) {
	defer r.recovered(&err)
	b := &Batch{chunks: chunks, keyer: &r.keyer, key: r.opt.Store.Key}
	for _, k := range chunks {
		rows += k.rows
	}
	if err := r.opt.Store.Write(c, b); err != nil {
		return 0, err
	}
	return rows, nil
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

// Batch is a number of rows to be kept. It can be read several times.
type Batch struct {
	chunks []*chunk
	keyer  *keyer
	key    func(time.Time) (*Key, error)
}

// Each calls f with each row until f fails. The record is valid until f returns.
func (b *Batch) Each(f func(*Record) error) error {
	var rec Record
	var month time.Month
	for _, k := range b.chunks {
		for rest := k.b; len(rest) > 0; {
			var err error
			if rest, err = readRecord(rest, &rec); err != nil {
				return err
			}
			if at := result.Reference(rec[ColRef].Int).Time(); at.Month() != month && b.keyer.level != Domains {
				if b.keyer.key, err = b.key(at); err != nil {
					return err
				}
				month = at.Month()
			}
			b.keyer.apply(&rec)
			if err := f(&rec); err != nil {
				return err
			}
		}
	}
	return nil
}
