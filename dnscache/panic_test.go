package dnscache

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// panicking returns a resolver whose queries panic as long as broken is set.
// Otherwise nobody answers them.
func panicking(t *testing.T, upstreams ...string) (r *Resolver, broken *atomic.Bool, logs *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.ErrorLevel)
	r, err := New(Options{
		Upstreams: upstreams, Timeout: 2 * time.Second, AttemptTimeout: 20 * time.Millisecond,
		Logger: zap.New(core), FailureTTL: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	broken = &atomic.Bool{}
	broken.Store(true)
	for _, u := range *r.upstreams.list.Load() {
		u.now = func() int64 {
			if broken.Load() {
				panic("here\n\x1b[2J")
			}
			return r.now()
		}
	}
	return r, broken, logs
}

// silent returns an address that never answers.
func silent(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// A panic while a question is asked fails the lookups that wait for it, and no
// others.
func TestPanicIsAFailedLookup(t *testing.T) {
	t.Parallel()
	for name, upstreams := range map[string][]string{
		"one upstream":  {silent(t)},
		"two upstreams": {silent(t), silent(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, broken, logs := panicking(t, upstreams...)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					a := r.Lookup(t.Context(), "a.test", TXT)
					var fault *PanicError
					if a.Outcome != ServFail || !errors.As(a.Err, &fault) || fault.Value != "here\n\x1b[2J" || len(fault.Stack) == 0 {
						t.Errorf("%v, %v", a.Outcome, a.Err)
					}
					if want := `dnscache: a.test TXT: panic: here\n\x1b[2J`; a.Err.Error() != want {
						t.Errorf("got %q, want %q", a.Err, want)
					}
				})
			}
			wg.Wait()
			logged := func() uint64 { return uint64(logs.FilterMessage("panic").Len()) }
			for end := time.Now().Add(time.Minute); r.Stats().Panics != logged() && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // a panic is counted, and logged a moment later
			}
			if s := r.Stats(); s.Panics == 0 || s.Panics != logged() || s.InFlight != 0 || s.Entries != 0 || s.Wire.Total() != 0 {
				t.Errorf("%d panics, %d logged, %d in flight, %d entries, %v on the wire", s.Panics, logs.Len(), s.InFlight, s.Entries, s.Wire)
			}
			for _, l := range logs.All() {
				fields := l.ContextMap()
				if during := fields["during"].(string); !strings.HasPrefix(during, "dns ") || fields["panic"] != `here\n\x1b[2J` {
					t.Errorf("logged %q, %q", during, fields["panic"])
				}
			}
			// The next lookup asks again.
			broken.Store(false)
			if a := r.Lookup(t.Context(), "a.test", TXT); a.Outcome != Timeout || a.Cached {
				t.Errorf("%v, cached %v", a.Outcome, a.Cached)
			}
		})
	}
}

// When a query to one upstream panics, the next one is asked.
func TestPanicOfOneUpstream(t *testing.T) {
	t.Parallel()
	r, broken, _ := panicking(t, silent(t), silent(t))
	broken.Store(false)
	(*r.upstreams.list.Load())[0].now = func() int64 { panic("here") }
	a := r.Lookup(t.Context(), "a.test", TXT)
	if fault := (*PanicError)(nil); !errors.As(a.Err, &fault) {
		t.Errorf("%v, %v: the panic says more than silence does", a.Outcome, a.Err)
	}
	if n := (*r.upstreams.list.Load())[1].stats().Queries; n == 0 {
		t.Error("the second upstream was not asked")
	}
}

// A panic in the caller's goroutine is caught as well.
func TestPanicBeforeTheQuestion(t *testing.T) {
	t.Parallel()
	r, _, _ := panicking(t, silent(t))
	r.store = nil
	for _, name := range []string{"a.test", "A.Test.", "odd name\n", strings.Repeat("\x01.", 126)} {
		a := r.Lookup(t.Context(), name, TXT)
		if fault := (*PanicError)(nil); a.Outcome != ServFail || !errors.As(a.Err, &fault) || strings.ContainsAny(a.Err.Error(), "\n") || len(a.Err.Error()) > 1200 {
			t.Errorf("%.20q: %v, %v", name, a.Outcome, a.Err)
		}
	}
}

func TestPanicInTheBackground(t *testing.T) {
	t.Parallel()
	r, _, logs := panicking(t, silent(t))
	done := make(chan struct{})
	r.flights.background(func(context.Context) { defer close(done); panic("here") })
	<-done
	for r.panics.count.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.Close(); err != nil || logs.Len() != 1 {
		t.Errorf("%v, %d logged", err, logs.Len())
	}
}

// A connection whose goroutine panics ends, and the questions on it fail.
func TestPanicOnAConnection(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(_ int, conn net.Conn) { receive(conn) })
	ss.dial = func(context.Context) (net.Conn, error) { panic("here") }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := ss.exchange(ctx, questionOf(1)); !errors.Is(err, errStreamEnded) {
		t.Error(err)
	}
}
