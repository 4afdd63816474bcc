package logburst

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench returns a logger and a function that returns its lines since the last call.
func bench(most int, every time.Duration) (*zap.Logger, *Core, func() []string) {
	core, seen := observer.New(zap.DebugLevel)
	c := New(core, Options{Most: most, Every: every})
	return zap.New(c), c, func() []string {
		var lines []string
		for _, e := range seen.TakeAll() {
			line := e.Level.String() + " " + e.LoggerName + ": " + e.Message
			for _, f := range e.Context {
				line += fmt.Sprintf(" %s=%v%v", f.Key, f.Integer, f.String)
			}
			lines = append(lines, line)
		}
		return lines
	}
}

func (s *state) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.intervals)
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _, lines := bench(2, time.Minute)
		for i := range 100 {
			log.Warn("fault", zap.Int("i", i)) // fields may differ
		}
		want(t, lines(), "warn : fault i=0", "warn : fault i=1")
		// Another level, another text, another logger, and lines below warn.
		log.Error("fault")
		log.Warn("fault of another kind")
		log.Named("dns").Warn("fault")
		log.With(zap.Int("more", 1)).Warn("fault") // the same
		for range 5 {
			log.Info("message")
			log.Debug("detail")
		}
		got := lines()
		want(t, got[:3], "error : fault", "warn : fault of another kind", "warn dns: fault")
		if len(got) != 13 {
			t.Errorf("%q", got[3:])
		}
		time.Sleep(59 * time.Second)
		want(t, lines())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, lines(), "warn : fault ... and 99 more in 1m0s more=99")
		// The next interval begins, and ends without a line if none was held.
		log.Warn("fault")
		time.Sleep(10 * time.Minute)
		log.Warn("fault")
		want(t, lines(), "warn : fault", "warn : fault")
	})
}

func TestEndsAreSummed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, core, lines := bench(1, time.Hour)
		log.Warn("a")
		log.Warn("a")
		time.Sleep(90 * time.Second)
		if err := log.Sync(); err != nil {
			t.Error(err)
		}
		want(t, lines(), "warn : a", "warn : a ... and 1 more in 1m30s more=1")
		// A reload with other bounds.
		log.Warn("a")
		log.Warn("a")
		core.Set(1, time.Hour) // the same: nothing happens
		want(t, lines(), "warn : a")
		core.Set(0, time.Hour)
		want(t, lines(), "warn : a ... and 1 more in 1s more=1")
		for range 50 {
			log.Warn("a")
		}
		if n := len(lines()); n != 50 {
			t.Errorf("%d lines of 50", n)
		}
		time.Sleep(2 * time.Hour)
		want(t, lines())
	})
}

// A level that was raised counts for the sums too.
func TestLevel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		level := zap.NewAtomicLevelAt(zap.WarnLevel)
		core, seen := observer.New(level)
		log := zap.New(New(core, Options{Most: 1, Every: time.Minute}))
		log.Info("hidden")
		log.Warn("a")
		log.Warn("a")
		level.SetLevel(zap.ErrorLevel)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if seen.Len() != 1 {
			t.Errorf("%v", seen.All())
		}
	})
}

// Texts that an outsider chooses, which libraries may write to the standard log,
// take only bounded memory.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, core, lines := bench(1, time.Minute)
		for i := range 5000 {
			log.Warn(fmt.Sprint("text ", i))
		}
		if n := core.s.size(); n > maxKinds+1 {
			t.Errorf("%d kinds", n)
		}
		if n := len(lines()); n != maxKinds+1 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want(t, lines(), fmt.Sprintf("warn : other lines ... and %d more in 1m0s more=%[1]d", 5000-maxKinds-1))
		log.Warn("news")
		want(t, lines(), "warn : news")
		if n := core.s.size(); n > 2 {
			t.Errorf("%d kinds are kept", n)
		}
	})
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, core, lines := bench(3, time.Second)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 500 {
					log.Warn("a", zap.Error(errors.New("x")))
					time.Sleep(time.Duration(w+1) * 7 * time.Millisecond)
					if i%100 == 0 {
						core.Set(3, time.Duration(1+i%3)*time.Second)
					}
				}
			})
		}
		wg.Wait()
		_ = log.Sync()
		synctest.Wait()
		written, summed := 0, 0
		for _, l := range lines() {
			var n int
			if _, err := fmt.Sscanf(l, "warn : a ... and %d more", &n); err == nil {
				summed += n
			} else {
				written++
			}
		}
		if written+summed != 4000 || summed < 3000 {
			t.Errorf("%d written, %d summed", written, summed)
		}
	})
}

func BenchmarkHeld(b *testing.B) {
	c := New(zapcore.NewNopCore(), Options{Most: 1, Every: time.Hour})
	e := zapcore.Entry{Level: zap.WarnLevel, Message: "a"}
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Write(e, nil)
	}
}
