package journal

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// now returns a row of the present time.
func now(row *rows.Row) *rows.Row {
	row.Ref = result.FirstReference(time.Now())
	return row
}

// TestCountsOnly keeps counts and no rows.
func TestCountsOnly(t *testing.T) {
	t.Parallel()
	s := &store{}
	r := NewRecorder(Options{Level: rows.Counts, Store: s})
	for range 500 {
		r.Add(refused())
		r.Add(accepted())
	}
	r.Close(t.Context())
	if n, _ := s.counts(t); n != 1000 || s.count(rows.Rest)+s.count(rows.Accepted) != 0 {
		t.Errorf("%d messages are counted, and %d rows are kept, want 1000 and none", n, s.count(rows.Rest)+s.count(rows.Accepted))
	}
	if got := r.Stats(); got.Written != [rows.Classes]int64{} || got.Dropped != [rows.Classes]int64{} || got.Missing != 0 || got.Waiting != 0 {
		t.Errorf("Stats: %+v", got)
	}
}

// TestCountsAreWritten writes counts within ten seconds, and again only if there are more. A
// process that is killed then leaves them to the next one.
func TestCountsAreWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)))
		s := &store{}
		r := NewRecorder(Options{Level: rows.Hashed, Store: s})
		r.Add(now(refused()))
		r.Add(now(accepted()))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n, _ := s.counts(t); n != 2 {
			t.Errorf("%d messages are counted after 11 s, want 2", n)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if len(s.parts) != 1 {
			t.Errorf("%d parts are written, want 1", len(s.parts))
		}
		killed := &store{parts: s.parts}
		next := NewRecorder(Options{Level: rows.Hashed, Store: killed})
		next.Add(now(accepted()))
		next.Close(t.Context())
		if n, _ := killed.counts(t); n != 3 {
			t.Errorf("%d messages are counted by the next process, want 3", n)
		}
		r.Add(now(accepted()))
		time.Sleep(time.Hour)
		r.Add(now(accepted()))
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if n, _ := s.counts(t); n != 4 || len(s.over) != 1 {
			t.Errorf("%d messages in %d hours that are over, want 4 and 1", n, len(s.over))
		}
		r.Close(t.Context())
	})
}

// TestDroppedRowsAreCounted loses rows because nothing can be written, and counts them. Only
// rows that were dropped before anybody could count them are missing, and they are noted.
func TestDroppedRowsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{fail: errors.New("no space left on device"), failCounts: errors.New("no space left on device")}
		core, logs := observer.New(zap.InfoLevel)
		r := NewRecorder(Options{Level: rows.Hashed, Store: s, Memory: 4 * chunkSize, Logger: zap.New(core)})
		const n = 5000
		for i := range n {
			r.Add(accepted())
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		got := r.Stats()
		if got.Dropped[rows.Accepted] == 0 || got.Missing != 0 || got.Failing == "" {
			t.Errorf("Stats: %+v", got)
		}
		r.counting.Lock() // nobody can count
		for range n {
			r.Add(accepted())
		}
		r.counting.Unlock()
		if got = r.Stats(); got.Missing == 0 || got.Missing > n {
			t.Errorf("Stats: %+v", got)
		}
		s.setFail(nil)
		s.mu.Lock()
		s.failCounts = nil
		s.mu.Unlock()
		time.Sleep(2 * time.Minute)
		r.Close(t.Context())
		counted, missing := s.counts(t)
		if counted+missing != 2*n || missing != got.Missing {
			t.Errorf("%d messages are counted, %d are missing of %d, and the store has %d of them", counted, got.Missing, 2*n, missing)
		}
		if logs.FilterMessageSnippet("the counts of the journal can").Len() != 2 {
			t.Errorf("log: %v", logs.All())
		}
	})
}
