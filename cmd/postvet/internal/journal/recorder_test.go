package journal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// rowOf returns the row of a message whose author's domain asks to refuse mail that fails.
func rowOf(status dmarc.Status) *rows.Row {
	res := &result.Results{
		Reference: 77 << 20,
		Client:    result.ClientResult{IP: "192.0.2.1", Helo: "mx.example.net", PTR: "mx.example.net", Listener: "smtpd", TLS: "TLSv1.3"},
		SPF: []spf.Result{
			{Identity: spf.HELO, Domain: "mx.example.net", Status: "none", Reason: "no SPF record"},
			{Identity: spf.MailFrom, Domain: "example.net", Status: "pass", Record: "v=spf1 ip4:192.0.2.0/24 -all", Mechanism: "ip4:192.0.2.0/24", Lookups: 1},
		},
		DKIM: []dkim.Result{{Domain: "example.org", Selector: "s1", Algorithm: "rsa-sha256", Status: "pass", KeyBits: 2048, KeyRecord: "v=DKIM1; p=" + strings.Repeat("MIIB", 98), Identity: "@example.org", Signature: "dGVzdA==", BodyLength: -1}},
		DMARC: dmarc.Result{
			Status: status, AuthorDomain: "example.org", OrganizationalDomain: "example.org", RecordDomain: "example.org", Record: "v=DMARC1; p=reject; rua=mailto:dmarc@example.org", Policy: "reject",
			PolicyTag: "p", ADKIM: "r", ASPF: "r", Disposition: "none", Reason: "DKIM of example.org",
		},
		MailFrom: "bounce@example.net", Author: message.Author{Domain: "example.org"}, Recipients: []string{"bob@example.com"}, Size: 24000,
	}
	if status == dmarc.Fail {
		res.DMARC.Disposition, res.DKIM[0].Status = "reject", "fail"
	}
	v := rules.Rules{}.Decide(res)
	return &rows.Row{Ref: res.Reference, Queue: "4XkZ1t2q3nz9Vx", MessageID: "<abc@example.org>", Recipients: 1, Results: res, Verdict: &v}
}

func refused() *rows.Row  { return rowOf(dmarc.Fail) }
func accepted() *rows.Row { return rowOf(dmarc.Pass) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a Store in memory that fails or is slow as a test has it.
type store struct {
	mu         sync.Mutex
	fail       error
	slow       time.Duration
	rows       [rows.Classes][]result.Reference
	ticks      int
	closed     bool
	failCounts error
	parts      []counts.Part
	over       map[time.Time]int64 // messages of hours that are over
	missing    int64

	records     []rows.Published
	failRecords error
}

func (s *store) Write(c rows.Class, b *rows.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	time.Sleep(s.slow)
	if s.fail != nil {
		return s.fail
	}
	return b.Each(func(rec *rows.Record) error {
		s.rows[c] = append(s.rows[c], result.Reference(rec[rows.ColRef].Int))
		return nil
	})
}

func (s *store) Key(time.Time) (*rows.Key, error) { return &rows.Key{1}, nil }
func (s *store) WriteRecords(all []rows.Published) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failRecords == nil {
		s.records = append(s.records, all...)
	}
	return s.failRecords
}

func (s *store) Tick(time.Time) { s.mu.Lock(); s.ticks++; s.mu.Unlock() }
func (s *store) Close() error   { s.closed = true; return nil }

func (s *store) RecentCounts() ([]counts.Part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts, s.failCounts
}

func (s *store) WriteCounts(w *counts.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failCounts != nil {
		return s.failCounts
	}
	for _, h := range w.Over {
		if s.over == nil {
			s.over = map[time.Time]int64{}
		}
		s.over[h.At] += h.All
		s.missing += h.Missing
		s.parts = slices.DeleteFunc(s.parts, func(p counts.Part) bool { return p.At.Equal(h.At) })
	}
	for _, p := range w.Recent {
		if p.Whole {
			s.parts = slices.DeleteFunc(s.parts, func(q counts.Part) bool { return q.At.Equal(p.At) })
		}
		s.parts = append(s.parts, p)
	}
	return nil
}

// counts returns the number of messages that the store has counts of, and of those that are
// missing.
func (s *store) counts(t *testing.T) (n, missing int64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range s.over {
		n += all
	}
	recent, err := counts.Hours(s.parts)
	if err != nil {
		t.Fatal(err)
	}
	missing = s.missing
	for _, h := range recent {
		n, missing = n+h.All, missing+h.Missing
	}
	return n, missing
}

func (s *store) setFail(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

func (s *store) count(c rows.Class) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows[c])
}

func TestRecorderWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		r := NewRecorder(Options{Level: rows.Hashed, Store: s})
		r.Add(refused())
		r.Add(accepted())
		synctest.Wait()
		if s.count(rows.Rest)+s.count(rows.Accepted) != 0 {
			t.Error("rows are written before the tick")
		}
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		if s.count(rows.Rest) != 1 || s.count(rows.Accepted) != 1 {
			t.Errorf("after a tick %d and %d rows, want 1 and 1", s.count(rows.Rest), s.count(rows.Accepted))
		}
		r.Add(refused())
		r.Flush(t.Context())
		if s.count(rows.Rest) != 2 {
			t.Error("Flush did not write")
		}
		r.Add(refused())
		r.Close(t.Context())
		r.Close(t.Context())
		r.Add(refused())
		r.Flush(t.Context())
		if s.count(rows.Rest) != 3 || !s.closed || s.ticks == 0 {
			t.Errorf("after Close %d rows, closed %t, %d ticks", s.count(rows.Rest), s.closed, s.ticks)
		}
		if got := r.Stats(); got.Written != [rows.Classes]int64{1, 3} || got.Dropped != [rows.Classes]int64{} || got.Waiting != 0 {
			t.Errorf("Stats: %+v", got)
		}
	})
}

func TestRecorderOff(t *testing.T) {
	t.Parallel()
	r := NewRecorder(Options{Level: rows.Off})
	r.Add(refused())
	r.Flush(t.Context())
	r.Close(t.Context())
	if r.Stats() != (Stats{}) {
		t.Error("a recorder that is off has counts")
	}
}

// TestRecorderFull fills the memory while nothing can be written: rows of accepted mail
// are lost first, and the newest ones stay.
func TestRecorderFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		s := &store{fail: errors.New("no space left on device")}
		r := NewRecorder(Options{Level: rows.Hashed, Store: s, Memory: 4 * chunkSize, Logger: zap.New(core)})
		rest, plain := refused(), accepted()
		for range 1000 {
			r.Add(plain)
		}
		time.Sleep(10 * time.Second)
		size := r.Stats().Waiting / 500 // at least that of a row
		for i := range 4 * 4 * chunkSize / size {
			rest.Ref = result.Reference(i + 1)
			r.Add(rest)
			if d := r.Stats().Dropped; d[rows.Rest] > 0 && d[rows.Accepted] < 1000 {
				t.Error("rows of the rest are lost while there are rows of accepted mail")
			}
		}
		last := rest.Ref
		got := r.Stats()
		if got.Dropped[rows.Accepted] != 1000 || got.Dropped[rows.Rest] == 0 || got.Waiting > got.Memory || got.Failing == "" {
			t.Errorf("Stats of a full memory: %+v", got)
		}
		time.Sleep(10 * time.Minute)
		if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
			t.Errorf("a failure is logged %d times, want once", n)
		}
		if n := r.Stats().Failures; n > 20 {
			t.Errorf("%d attempts in ten minutes, want one a minute", n)
		}
		s.setFail(nil)
		time.Sleep(2 * time.Minute)
		if n := s.count(rows.Rest); n == 0 || s.rows[rows.Rest][n-1] != last || int64(n)+r.Stats().Dropped[rows.Rest] != int64(last) {
			t.Errorf("%d rows are written and %d lost of %d", n, r.Stats().Dropped[rows.Rest], last)
		}
		if logs.FilterMessage("the journal can be written again").Len() != 1 || r.Stats().Failing != "" {
			t.Error("that it works again is not told")
		}
		r.Close(t.Context())
	})
}

// TestRecorderSlow has each write take two seconds: nobody waits for it.
func TestRecorderSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{slow: 2 * time.Second}
		r := NewRecorder(Options{Level: rows.Hashed, Store: s})
		const n = 20_000
		for range n {
			before := time.Now()
			r.Add(accepted())
			if time.Since(before) > 0 { // the clock stands unless somebody waits
				t.Fatal("Add waits for a slow store")
			}
			time.Sleep(200 * time.Microsecond)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r.Close(ctx)
		if got := r.Stats(); got.Written[rows.Accepted]+got.Dropped[rows.Accepted] != n || got.Dropped[rows.Accepted] > 0 {
			t.Errorf("Stats: %+v, want %d rows", got, n)
		}
	})
}

// TestRecorderNeverCloses has a store that hangs: the service stops all the same.
func TestRecorderNeverCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{slow: time.Hour}
		r := NewRecorder(Options{Level: rows.Hashed, Store: s})
		r.Add(refused())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		before := time.Now()
		r.Close(ctx)
		if took := time.Since(before); took > 2*time.Second {
			t.Errorf("Close took %s", took)
		}
		<-r.done
	})
}

func TestAddAllocatesNothing(t *testing.T) {
	s := &store{}
	r := NewRecorder(Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	defer r.Close(t.Context())
	r.counting.Lock() // so that only Add allocates meanwhile
	defer r.counting.Unlock()
	for _, row := range []*rows.Row{accepted(), refused()} {
		if n := testing.AllocsPerRun(500, func() { r.Add(row) }); n > 0 {
			t.Errorf("Add allocates %v times", n)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, row := range map[string]*rows.Row{"accepted": accepted(), "refused": refused()} {
		b.Run(name, func(b *testing.B) {
			s := &store{fail: errors.New("full")}
			r := NewRecorder(Options{Level: rows.Hashed, Store: s, Every: time.Hour, Retry: time.Hour})
			defer r.Close(context.Background())
			b.ReportAllocs()
			b.SetBytes(int64(len((&rows.Encoder{}).Append(nil, row, rows.Hashed))))
			before := cpu()
			for b.Loop() {
				r.Add(row)
			}
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op") // of a machine that does other work too
		})
	}
}

// cpu returns the CPU time of the process in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkAddParallel(b *testing.B) {
	s := &store{fail: errors.New("full")}
	r := NewRecorder(Options{Level: rows.Hashed, Store: s, Every: time.Hour, Retry: time.Hour})
	defer r.Close(context.Background())
	row := accepted()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			r.Add(row)
		}
	})
}
