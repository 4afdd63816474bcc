package reportcount_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// memory is a store in memory that may fail.
type memory struct {
	mu      sync.Mutex
	err     error
	hangs   bool // attempts end with their context alone
	batches []reportstore.Batch
	n       map[string]int64 // messages by source
	leftOut int64
	beats   []time.Time
	left    bool
}

func (m *memory) AddOnce(ctx context.Context, b reportstore.Batch, counted []reports.Counted, leftOut ...reportstore.LeftOut) (reportstore.Added, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hangs {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		return reportstore.Added{}, ctx.Err()
	}
	if m.err != nil {
		return reportstore.Added{}, m.err
	}
	m.batches = append(m.batches, b)
	if m.n == nil {
		m.n = map[string]int64{}
	}
	for _, c := range counted {
		m.n[c.Record.Source.String()] += c.Record.Count
	}
	added := reportstore.Added{}
	for _, l := range leftOut {
		m.leftOut += l.Messages
		added.LeftOut += l.Messages
	}
	return added, nil
}

func (m *memory) Heartbeat(_ context.Context, _ string, flushed time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beats = append(m.beats, flushed)
	return m.err
}

func (m *memory) Leave(context.Context, string) error {
	m.left = true
	return m.err
}

func (m *memory) set(err error, hangs bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.hangs = err, hangs
}

func (m *memory) sum() (n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, some := range m.n {
		n += some
	}
	return n
}

func row(i int) reporting.Row {
	return reporting.Row{
		Kind:   reporting.Ordinary,
		Policy: reporting.Policy{Policy: report.Policy{Domain: "example.com", P: "none"}, RUA: []string{"mailto:a@example.com"}},
		Record: report.Record{
			Source: netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256)), Count: 1, Disposition: report.DispositionNone, HeaderFrom: "example.com",
			DKIM: []report.DKIM{{Domain: "example.com", Selector: "s", Result: "pass"}},
		},
	}
}

// TestCounts: rows go to the store once a second, and what is alike is one record.
func TestCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		c := reportcount.New(reportcount.Options{Store: m, Node: "mx1"})
		for i := range 300 {
			c.Add(row(i%100), time.Now())
		}
		c.Add(reporting.Row{Skip: reporting.SkipExempt}, time.Now())
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		s := c.Stats()
		if m.sum() != 300 || len(m.n) != 100 || len(m.batches) != 1 || s.Rows != 300 || s.Skipped[reporting.SkipExempt] != 1 || s.Keys != 0 || s.Flushes != 1 {
			t.Errorf("%d messages, %d records, batches %v, %+v", m.sum(), len(m.n), m.batches, s)
		}
		c.Add(row(1), time.Now())
		c.Close(t.Context()) // does not wait for the next second
		if m.sum() != 301 || !m.left || c.Stats().Rows != 301 {
			t.Errorf("after the end: %d messages, left %v, %+v", m.sum(), m.left, c.Stats())
		}
		c.Close(t.Context())
	})
}

// TestHeartbeat: a node says that it is alive also while no mail comes, and soon after
// midnight.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		midnight := reports.DayOf(time.Now()) + 1
		time.Sleep(time.Until(midnight.Begin()) - 100*time.Second - 500*time.Millisecond)
		c := reportcount.New(reportcount.Options{Store: m, Node: "mx1"})
		time.Sleep(200 * time.Second)
		c.Close(t.Context())
		if len(m.beats) < 6 || len(m.beats) > 10 || len(m.batches) != 0 {
			t.Errorf("%d heartbeats, %d batches", len(m.beats), len(m.batches))
		}
		last := m.beats[0]
		passed := false
		for _, at := range m.beats[1:] {
			if at.Sub(last) > time.Minute {
				t.Errorf("%s between heartbeats", at.Sub(last))
			}
			passed = passed || at.After(midnight.Begin().Add(2*time.Second)) && at.Before(midnight.Begin().Add(35*time.Second))
			last = at
		}
		if !passed {
			t.Errorf("no heartbeat soon after midnight: %v", m.beats)
		}
	})
}

// TestStoreFails: nothing waits for a store that fails. What was counted comes when it
// works again, in the batches that were tried, and the log says so once.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		core, logs := observer.New(zap.InfoLevel)
		c := reportcount.New(reportcount.Options{Store: m, Node: "mx1", Keys: 50, Logger: zap.New(core)})
		m.set(errors.New("disk full"), false)
		for i := range 10 {
			c.Add(row(i), time.Now())
		}
		time.Sleep(1500 * time.Millisecond) // these are in the hands of the writer
		for range 3 {
			for i := range 60 { // 10 find no room
				c.Add(row(i), time.Now())
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := c.Stats(); s.Rows != 0 || s.Trouble != "disk full" || s.Keys != 50 || s.Dropped[reportcount.WhyMemory] != 30 || logs.Len() != 1 {
			t.Errorf("while it fails: %+v, %d lines", s, logs.Len())
		}
		m.set(nil, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		s := c.Stats()
		if s.Rows != 160 || m.sum() != 160 || m.leftOut != 30 || s.Trouble != "" || s.Dropped[reportcount.WhyRows] != 0 || logs.Len() != 2 {
			t.Errorf("when it works: %+v, %d messages, %d left out, %v", s, m.sum(), m.leftOut, logs.All())
		}
		for i, b := range m.batches {
			if i > 0 && (b.N <= m.batches[i-1].N || b.Writer != m.batches[0].Writer || b.Writer == "") {
				t.Errorf("the batches are %v", m.batches)
			}
		}
		c.Close(t.Context())
	})
}

// TestQueueFull: a row for which the queue has no room is dropped, and counted.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		c := reportcount.New(reportcount.Options{Store: m, Node: "mx1", Queue: 10})
		const n = 100_000
		for i := range n {
			c.Add(row(i%100), time.Now())
		}
		c.Close(t.Context())
		s := c.Stats()
		if s.Rows+s.Dropped[reportcount.WhyQueue] != n || m.sum() != s.Rows || s.Rows < 10 {
			t.Errorf("%+v, %d messages", s, m.sum())
		}
	})
}

// TestCloseHangs: a store that hangs does not hold up the end for longer than was given.
func TestCloseHangs(t *testing.T) {
	t.Parallel()
	for _, busy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			core, logs := observer.New(zap.InfoLevel)
			c := reportcount.New(reportcount.Options{Store: m, Node: "mx1", Logger: zap.New(core)})
			m.set(nil, true)
			c.Add(row(1), time.Now())
			if busy {
				time.Sleep(1500 * time.Millisecond)
				c.Add(row(2), time.Now())
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			c.Close(ctx)
			want := int64(1)
			if busy {
				want = 2
			}
			lines := logs.FilterMessageSnippet("are lost").All()
			if took := time.Since(began); took > 10*time.Second+time.Millisecond || c.Stats().Dropped[reportcount.WhyStop] != want || len(lines) != 1 || lines[0].ContextMap()["messages"] != want {
				t.Errorf("busy %v: it took %s; %+v, %v", busy, took, c.Stats(), lines)
			}
		})
	}
}

// TestNil: without a counter nothing is counted.
func TestNil(t *testing.T) {
	t.Parallel()
	var c *reportcount.Counter
	c.Add(row(1), time.Now())
	c.Close(t.Context())
	if s := c.Stats(); s.Rows != 0 || len(s.Dropped) != 0 {
		t.Errorf("%+v", s)
	}
}
