package journal

import (
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// countsEvery is the time after which counts are written at the latest.
const countsEvery = 10 * time.Second

// count is the goroutine that counts rows while the writer waits for the disk, so that a
// row which finds no room later is counted all the same.
func (r *Recorder) count() {
	defer close(r.counted)
	for {
		select {
		case <-r.filled:
			r.countWaiting()
		case <-r.stop:
			return
		}
	}
}

// countWaiting counts the rows that wait and are not counted. The lock that new rows need is
// held for a copy of a chunk alone.
func (r *Recorder) countWaiting() {
	r.counting.Lock()
	defer r.counting.Unlock()
	for {
		r.mu.Lock()
		r.buffer = r.memory.uncounted(r.buffer[:0])
		missed := r.memory.missed
		r.memory.missed = 0
		r.mu.Unlock()
		r.counter.Miss(time.Now(), missed)
		if len(r.buffer) == 0 {
			return
		}
		r.countRows(r.buffer)
	}
}

// countChunks counts what of chunks is not counted. They are those of the writer.
func (r *Recorder) countChunks(chunks []*chunk) {
	r.counting.Lock()
	defer r.counting.Unlock()
	for _, k := range chunks {
		r.countRows(k.b[k.counted:])
		k.counted, k.countedRows = len(k.b), k.rows
	}
}

func (r *Recorder) countRows(b []byte) {
	var err error
	defer r.recovered(&err)
	if err = r.counter.Count(b); err != nil {
		r.opt.Logger.Error("rows of the journal cannot be counted", zap.Error(err))
	}
}

// writeCounts writes what was counted. While that fails, counting goes on.
func (r *Recorder) writeCounts(now time.Time) {
	r.countWaiting()
	if now.Before(r.countFaults.nextTry) {
		return
	}
	began := time.Now()
	err := r.keepCounts(now)
	r.writing.Add(int64(time.Since(began)))
	if err != nil {
		r.failures.Add(1)
		if r.countFaults.add(now, r.opt.Retry, err) {
			r.opt.Logger.Error("the counts of the journal cannot be written; mail is not affected", zap.String("error", *r.countFaults.failing.Load()))
		}
		return
	}
	r.lastCounts = now
	if r.countFaults.end() {
		r.opt.Logger.Info("the counts of the journal can be written again")
	}
}

// keepCounts has the store keep what was counted. The first time, it goes on with what the
// former process left.
func (r *Recorder) keepCounts(now time.Time) (err error) {
	defer r.recovered(&err)
	if !r.restored {
		parts, err := r.opt.Store.RecentCounts()
		if err != nil {
			return err
		}
		r.restored = true
		r.counting.Lock()
		err = r.counter.Restore(parts)
		r.counting.Unlock()
		if err != nil {
			r.opt.Logger.Error("counts of the present hour are lost, which the former process had written", zap.Error(err))
		}
	}
	r.counting.Lock()
	w := r.counter.Take(now)
	r.counting.Unlock()
	kept := false
	defer func() { // also if it ends in a panic
		r.counting.Lock()
		r.counter.Done(w, kept)
		r.counting.Unlock()
	}()
	if err := r.opt.Store.WriteCounts(w); err != nil {
		return err
	}
	kept = true
	return nil
}

// Forget counts the messages of a domain, and of those below it, as those of names that are
// not told apart. The store must do so with what it has.
func (r *Recorder) Forget(domain string) {
	if r == nil {
		return
	}
	r.countWaiting()
	r.counting.Lock()
	defer r.counting.Unlock()
	r.counter.Forget(domain)
}

// countStats returns the numbers of the counter.
func (r *Recorder) countStats() counts.Stats {
	r.counting.Lock()
	defer r.counting.Unlock()
	return r.counter.Stats()
}
