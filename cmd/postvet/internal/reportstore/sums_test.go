//go:build linux

package reportstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/reporting"
)

// batches is how many each writer adds. With the race detector a writer has its turn after
// seconds on a busy machine.
var batches = int64(60)

// testSums: whatever several processes do at one time, each message that was added is in
// exactly one report, was left out and counted, or waits.
func testSums(t *testing.T, p testPlace) {
	for seed := range uint64(3) {
		o := p
		if o.options.File != "" {
			o.options.File += fmt.Sprint(seed)
		} else if seed > 0 {
			break // one database
		}
		sumsAddUp(t, o, seed)
	}
}

// sums is what was added and what became of it.
type sums struct {
	fed, frozen, skipped, reports atomic.Int64
}

func sumsAddUp(t *testing.T, p testPlace, seed uint64) {
	t.Helper()
	limits := func(o *Options) { o.MaxRecords, o.MaxAllRecords = 100, 1500 }
	var all sums
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var writers, senders sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		s, random := p.open(t, limits), rand.New(rand.NewPCG(seed, uint64(i)))
		writers.Go(func() { addAtRandom(ctx, t, s, random, fmt.Sprint("writer", i), &all) })
	}
	for i := range 2 {
		s, random := p.open(t, limits), rand.New(rand.NewPCG(seed, uint64(100+i)))
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(random.IntN(10)) * time.Millisecond): // so that others have their turn
					sendAtRandom(ctx, t, s, random, fmt.Sprintf("%d-%d", i, n), &all)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	senders.Wait()
	s := p.open(t, limits)
	waiting, records := int64(0), 0
	subjects, err := s.Subjects(ctx, SubjectQuery{})
	must(t, err)
	leftOut := int64(0)
	for _, x := range subjects {
		rows, n := read(t, s, x)
		waiting += n
		records += len(rows)
		leftOut += x.LeftOut
	}
	kept := all.frozen.Load() + all.skipped.Load() + waiting + leftOut
	if kept != all.fed.Load() {
		t.Errorf("seed %d: %d messages were added; %d are in reports, %d were skipped, %d left out, %d wait: %d",
			seed, all.fed.Load(), all.frozen.Load(), all.skipped.Load(), leftOut, waiting, kept)
	}
	sent, inReports := int64(0), int64(0)
	list, err := s.Reports(ctx, Query{})
	must(t, err)
	for _, r := range list {
		sent++
		inReports += r.Messages
	}
	if sent != all.reports.Load() || inReports != all.frozen.Load() || sent == 0 {
		t.Errorf("seed %d: %d reports of %d messages, want %d of %d", seed, sent, inReports, all.reports.Load(), all.frozen.Load())
	}
	c, err := s.Counts(ctx)
	if err != nil || c.Records < int64(records) {
		t.Errorf("seed %d: the number of records is %d, and %d are there (%v)", seed, c.Records, records, err)
	}
	t.Logf("seed %d: %d messages; %d in %d reports, %d skipped, %d left out, %d wait", seed, all.fed.Load(), all.frozen.Load(), sent, all.skipped.Load(), leftOut, waiting)
}

// addAtRandom adds batches of messages of some days, each once although it tries some of them
// again, and with an end of the attempt at any moment.
func addAtRandom(ctx context.Context, t *testing.T, s *Store, random *rand.Rand, name string, all *sums) {
	for n := range batches {
		var batch []reports.Counted
		messages := int64(0)
		for range 1 + random.IntN(30) {
			c := counted(yesterday-reports.Day(random.IntN(25))+1, fmt.Sprintf("d%d.example", random.IntN(5)), fmt.Sprintf("192.0.2.%d", random.IntN(40)), 1+random.Int64N(5))
			c.Kind = kinds[random.IntN(len(kinds))]
			c.Record.EnvelopeFrom = fmt.Sprintf("e%d.example", random.IntN(4))
			batch = append(batch, c)
			messages += c.Record.Count
		}
		before := []LeftOut{{yesterday, policy("d0.example"), random.Int64N(3)}}
		for {
			attempt, cancel := context.WithTimeout(ctx, time.Duration(1+random.IntN(2000))*time.Millisecond)
			if random.IntN(4) == 0 {
				time.AfterFunc(time.Duration(random.IntN(5))*time.Millisecond, cancel)
			}
			_, err := s.AddOnce(attempt, Batch{name, n + 1}, batch, before...)
			cancel()
			if err != nil && ctx.Err() == nil {
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			if random.IntN(4) == 0 { // the answer was lost
				if again, err := s.AddOnce(ctx, Batch{name, n + 1}, batch, before...); err != nil && !locked(err) || again != (Added{}) {
					t.Errorf("added again: %+v, %v", again, err)
				}
			}
			all.fed.Add(messages + before[0].Messages)
			break
		}
	}
}

// sendAtRandom closes days and freezes or skips subjects.
func sendAtRandom(ctx context.Context, t *testing.T, s *Store, random *rand.Rand, id string, all *sums) {
	if _, _, err := s.CloseDays(ctx); err != nil && !locked(err) {
		t.Error(err)
		return
	}
	closed, err := s.Subjects(ctx, SubjectQuery{Progress: SubjectClosed, Limit: 3})
	if err != nil {
		t.Error(err)
		return
	}
	for i, x := range closed {
		rs := s.Records(ctx, x)
		for range rs.All() {
			if random.IntN(50) == 0 {
				time.Sleep(time.Millisecond) // an XML is written meanwhile
			}
		}
		_, messages := rs.Count()
		if rs.Err() != nil {
			t.Error(rs.Err())
			return
		}
		if random.IntN(5) == 0 || messages == 0 {
			skipped, err := s.Skip(ctx, x, "at random")
			if err != nil && !locked(err) {
				t.Error(err)
			}
			if skipped {
				all.skipped.Add(messages)
			}
			continue
		}
		// Somebody else may have ended it since, so that there is less now.
		created, err := s.Freeze(ctx, reportOf(x, fmt.Sprintf("%s-%d", id, i), messages), x, time.Now(), "a@b.example")
		if err != nil && !locked(err) {
			t.Errorf("freezing %s of %s: %v", x.Policy.Domain, x.Day, err)
		}
		if created {
			all.frozen.Add(messages)
			all.reports.Add(1)
			var total int64
			for _, k := range kinds {
				total += x.Messages[reporting.Kind(k)]
			}
			if total != messages {
				t.Errorf("the subject says %d messages, its records %d", total, messages)
			}
		}
	}
}

// locked reports whether an attempt on a busy machine found the file locked for 10 seconds.
// Nothing was done then.
func locked(err error) bool { return strings.Contains(err.Error(), "SQLITE_BUSY") }
