package dnscache_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// lookUpUntil keeps sessions of lookups going until done returns true, and returns how many
// lookups there were.
func lookUpUntil(t testing.TB, r *dnscache.Resolver, sessions int, done func() bool) int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for i := range sessions {
		wg.Go(func() {
			for j := 0; j < 10_000 && !done(); j++ {
				r.Lookup(t.Context(), fmt.Sprintf("s%d-%d.test", i, j), dnscache.TXT)
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return n
}

// Lookups during an outage share the questions that look for its end, and wait for it.
func TestOutageIsSharedByLookups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault    dnstest.Fault // "" for nobody who listens
		outcomes []dnscache.Outcome
	}{
		{"", []dnscache.Outcome{dnscache.Timeout}},
		{dnstest.Silent, []dnscache.Outcome{dnscache.Timeout}},
		{dnstest.Deny, []dnscache.Outcome{dnscache.ServFail, dnscache.Timeout}},
		{dnstest.ServFail, []dnscache.Outcome{dnscache.ServFail, dnscache.Timeout}},
	} {
		runUndisturbed(t, "fault "+string(c.fault), func(t testing.TB) {
			addr := nobody(t)
			const zone = ". NS ns.test.\n*.test. TXT x\n"
			start := func(fault dnstest.Fault) *dnstest.Server {
				text := zone
				if fault != "" {
					text += "$FAULT * * " + string(fault) + "\n"
				}
				s, err := dnstest.NewServerAt(addr, text)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			var s *dnstest.Server
			if c.fault != "" {
				s = start(c.fault)
			}
			r := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 5 * time.Second, AttemptTimeout: 300 * time.Millisecond, MaxInFlight: 1000})
			// The first lookups find out that there is an outage.
			lookUpMany(t, r, 20, "first")
			before := r.Stats().Upstreams[0].Queries
			began := time.Now()
			lookups := lookUpUntil(t, r, 100, func() bool { return time.Since(began) > 3*time.Second })
			took := time.Since(began)
			queries := r.Stats().Upstreams[0].Queries - before
			// One in 100 ms has its turn, and a test of the resolver comes beside it.
			if most := uint64(3 * took / (100 * time.Millisecond)); queries > most || lookups < 100 {
				t.Errorf("%d queries for %d lookups in %v, want at most %d", queries, lookups, took, most)
			}
			t.Logf("%d queries for %d lookups in %v", queries, lookups, took)

			// Lookups that wait are answered soon after the end.
			var wg sync.WaitGroup
			ends := make([]time.Time, 50)
			patient := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 30 * time.Second, AttemptTimeout: 300 * time.Millisecond})
			for i := range ends {
				wg.Go(func() {
					if a := patient.Lookup(t.Context(), fmt.Sprintf("w%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
						t.Errorf("waited: %v, %v", a.Outcome, a.Err)
					}
					ends[i] = time.Now()
				})
			}
			time.Sleep(2 * time.Second)
			if s != nil {
				s.SetFault("*", "*", "")
			} else {
				start("")
			}
			over := time.Now()
			wg.Wait()
			for _, end := range ends {
				if late := end.Sub(over); late > 2*time.Second {
					t.Errorf("answered %v after the end", late)
				}
			}
		})
	}
}

// While the first of two upstreams is silent, a lookup costs one query more, and no time of
// an attempt, in a burst too.
func TestFirstUpstreamIsSilent(t *testing.T) { undisturbed(t, firstUpstreamIsSilent) }

func firstUpstreamIsSilent(t testing.TB) {
	ss, addrs := servers(t, faultZone+"$FAULT * * TIMEOUT\n", faultZone)
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 30 * time.Second, AttemptTimeout: 20 * time.Second})
	began := time.Now()
	for o, n := range lookUpMany(t, r, 400, "n") {
		if o == dnscache.Timeout {
			t.Errorf("%d ended with %v", n, o)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%v for all", took)
	}
	if n := len(ss[1].Queries()); n > 440 {
		t.Errorf("%d queries to the second", n)
	}
}
