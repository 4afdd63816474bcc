package journal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
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
			if since := now.Sub(r.lastCounts); since >= countsEvery || since < 0 {
				r.writeCounts(now)
			}
			if now.Sub(r.lastTick) >= time.Minute || r.lastTick.IsZero() {
				r.lastTick = now
				r.tick(now)
			}
		case <-r.wake:
			r.writeAll(time.Now())
		case asked := <-r.asks:
			r.writeAll(time.Now())
			r.writeCounts(time.Now())
			close(asked)
		case <-r.stop:
			r.rowFaults.nextTry, r.countFaults.nextTry = time.Time{}, time.Time{}
			r.writeAll(time.Now())
			r.writeCounts(time.Now())
			<-r.counted
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
	if now.Before(r.rowFaults.nextTry) {
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
		r.countChunks(chunks)
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
	r.writeRecords()
}

// writeChunks writes rows of a class. A panic in the store is an error as any other: mail
// does not depend on the journal.
func (r *Recorder) writeChunks(c rows.Class, chunks []*chunk) (n int, err error) {
	defer r.recovered(&err)
	if !r.opt.Level.KeepsRows() {
		return 0, nil
	}
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
	if r.rowFaults.add(now, r.opt.Retry, err) {
		r.opt.Logger.Error("the journal cannot be written; mail is not affected, but its rows will be missing", zap.String("error", *r.rowFaults.failing.Load()))
	}
}

func (r *Recorder) works() {
	if r.rowFaults.end() {
		r.opt.Logger.Info("the journal can be written again")
	}
}
