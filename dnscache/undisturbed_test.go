package dnscache_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// undisturbed runs a test that depends on time, in parallel with others. If it fails while the
// machine stood still, the test runs again, up to five times: a fault of the program shows itself
// again, or on a machine that does not stand still.
func undisturbed(t *testing.T, test func(testing.TB)) {
	t.Helper()
	t.Parallel()
	for round := 1; ; round++ {
		a := &attempt{T: t}
		stop := watchClock()
		ended := make(chan struct{})
		go func() { // which a fatal failure ends
			defer close(ended)
			test(a)
		}()
		<-ended
		still := stop()
		if !a.Failed() {
			return
		}
		said := strings.Join(a.said, "\n")
		if round == 5 || still < 50*time.Millisecond {
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

// attempt is one round of a test. Its failures are not yet those of the test.
type attempt struct {
	*testing.T
	mu     sync.Mutex
	failed bool
	said   []string
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
// ends that and tells the longest time.
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
