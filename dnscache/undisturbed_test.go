package dnscache_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// undisturbed runs a test that depends on time, in parallel with others. If it fails while the
// machine stood still, the test runs again, up to three times: a fault of the program shows itself
// again, or on a machine that does not stand still.
func undisturbed(t *testing.T, test func(testing.TB)) {
	t.Helper()
	t.Parallel()
	for round := 1; ; round++ {
		a := newAttempt(t)
		stop := watchClock()
		a.run(func() { test(a) })
		a.end()
		still := stop()
		if !a.Failed() {
			return
		}
		said := strings.Join(a.said, "\n")
		if round == 3 || still < 50*time.Millisecond {
			t.Errorf("%s\nthe machine stood still for %v at most", said, still)
			return
		}
		t.Logf("round %d, in which the machine stood still for %v: %s", round, still, said)
	}
}

// runUndisturbed runs a subtest that depends on time.
func runUndisturbed(t *testing.T, name string, test func(testing.TB)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { undisturbed(t, test) })
}

// attempt is one round of a test. It keeps its failures, so that another round may follow. It
// cleans up at its own end: a failure there is one of the round, and the next round starts
// without its servers.
type attempt struct {
	*testing.T
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	failed   bool
	said     []string
	cleanups []func()
}

func newAttempt(t *testing.T) *attempt {
	a := &attempt{T: t}
	a.ctx, a.cancel = context.WithCancel(t.Context())
	return a
}

// run calls f, which a fatal failure ends.
func (a *attempt) run(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

// end ends the context of the round, and cleans up.
func (a *attempt) end() {
	a.cancel()
	for {
		a.mu.Lock()
		n := len(a.cleanups) - 1
		if n < 0 {
			a.mu.Unlock()
			return
		}
		last := a.cleanups[n]
		a.cleanups = a.cleanups[:n]
		a.mu.Unlock()
		a.run(last)
	}
}

func (a *attempt) Context() context.Context { return a.ctx }

func (a *attempt) Cleanup(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, f)
}

func (a *attempt) fail(text string) {
	_, file, line, _ := runtime.Caller(2)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = true
	a.said = append(a.said, fmt.Sprintf("%s:%d: %s", file[strings.LastIndex(file, "/")+1:], line, strings.TrimSuffix(text, "\n")))
}

func (a *attempt) Error(args ...any)                 { a.fail(fmt.Sprintln(args...)) }
func (a *attempt) Errorf(format string, args ...any) { a.fail(fmt.Sprintf(format, args...)) }
func (a *attempt) Fail()                             { a.fail("") }

func (a *attempt) Fatal(args ...any) {
	a.fail(fmt.Sprintln(args...))
	runtime.Goexit()
}

func (a *attempt) Fatalf(format string, args ...any) {
	a.fail(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func (a *attempt) FailNow() {
	a.fail("")
	runtime.Goexit()
}

func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// watchClock measures how long this process does not run at a time, and returns a function that
// ends the measurement and returns the longest time.
func watchClock() (stop func() time.Duration) {
	const every = 5 * time.Millisecond
	end, longest := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		var most time.Duration
		defer func() { longest <- most }()
		for last := time.Now(); ; {
			select {
			case <-end:
				most = max(most, time.Since(last)-every)
				return
			case <-time.After(every):
			}
			now := time.Now()
			most = max(most, now.Sub(last)-every)
			last = now
		}
	}()
	return func() time.Duration {
		close(end)
		return <-longest
	}
}

// TestAttempt: each failure of a round counts, also one during its cleanup. The cleanup has the
// order of package testing. A folder of TempDir stays until the test itself ends.
func TestAttempt(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		test func(a testing.TB)
		want string
	}{
		"nothing":        {func(testing.TB) {}, ""},
		"an error":       {func(a testing.TB) { a.Error("x") }, "x"},
		"a fatal one":    {func(a testing.TB) { a.Fatalf("%s", "x"); a.Error("y") }, "x"},
		"at its end":     {func(a testing.TB) { a.Cleanup(func() { a.Error("x") }) }, "x"},
		"fatally at end": {func(a testing.TB) { a.Cleanup(func() { a.Error("y") }); a.Cleanup(func() { a.Fatal("x") }) }, "x y"},
		"the context": {func(a testing.TB) {
			a.Cleanup(func() {
				if a.Context().Err() != nil {
					a.Error("x")
				}
			})
			if a.Context().Err() != nil {
				a.Error("y")
			}
		}, "x"},
	} {
		a := newAttempt(t)
		a.run(func() { x.test(a) })
		a.end()
		var got []string
		for _, said := range a.said {
			_, text, _ := strings.Cut(said, ": ")
			got = append(got, text)
		}
		if got := strings.Join(got, " "); got != x.want || a.Failed() != (x.want != "") {
			t.Errorf("%s: %q, want %q; failed: %t", name, got, x.want, a.Failed())
		}
	}
}
