package dnscache_test

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// descriptors returns how many files and sockets the process has open, 0 if the
// system does not say.
func descriptors() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}

// nothingLeft runs f and checks that no goroutine and no descriptor is left.
// The test must not be parallel.
func nothingLeft(t *testing.T, f func()) {
	t.Helper()
	goroutines, fds := runtime.NumGoroutine(), descriptors()
	f()
	for range 2000 {
		if runtime.NumGoroutine() <= goroutines && descriptors() <= fds {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("goroutines: %d before, %d after; descriptors: %d, %d", goroutines, runtime.NumGoroutine(), fds, descriptors())
}

const faultZone = `
test. IN SOA ns.test. hm.test. 1 2 3 4 60
*.there.test. TXT "yes"
there.test. TXT "yes"
`

// lookUpMany looks up n names, half of which exist, from many goroutines. No answer
// may be wrong. It returns how many lookups had each outcome.
func lookUpMany(t testing.TB, r *dnscache.Resolver, n int, from string) map[dnscache.Outcome]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	outcomes := map[dnscache.Outcome]int{}
	const goroutines = 50
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < n; i += goroutines {
				name, want := fmt.Sprintf("%s%d.there.test", from, i), dnscache.Found
				if i%2 == 1 {
					name, want = fmt.Sprintf("%s%d.gone.test", from, i), dnscache.NXDomain
				}
				a := r.Lookup(t.Context(), name, dnscache.TXT)
				if a.Outcome.Known() && a.Outcome != want || a.Outcome == dnscache.Found && a.TXT[0] != "yes" {
					t.Errorf("%s: %v %v", name, a.Outcome, a.TXT)
				}
				mu.Lock()
				outcomes[a.Outcome]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return outcomes
}

// With two upstreams, one or both of which fail in some way, most of 400 lookups
// are answered.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults [2]string
		least  int
	}{
		{"30 % loss", [2]string{"LOSS:30", "LOSS:30"}, 390}, // each is asked three times
		{"20 % SERVFAIL", [2]string{"FAIL:20", "FAIL:20"}, 365},
		{"20 % SERVFAIL at one", [2]string{"FAIL:20", ""}, 400},
		{"30 % loss and 20 % SERVFAIL", [2]string{"LOSS:30,FAIL:20", "LOSS:30,FAIL:20"}, 335},
		{"one is silent", [2]string{"TIMEOUT", ""}, 400},
		{"one refuses", [2]string{"REFUSED", ""}, 400},
		{"one talks nonsense", [2]string{"GARBAGE", ""}, 400},
		{"one answers something else first", [2]string{"WRONGID,STRAY", "WRONGQUESTION"}, 400},
		{"all is truncated", [2]string{"TRUNCATE", "TRUNCATE"}, 400},
		{"truncated, and lost over TCP", [2]string{"TRUNCATE,LOSS:30", "TRUNCATE,LOSS:30"}, 340},
		{"all is nonsense", [2]string{"GARBAGE", "GARBAGE"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t, func() {
				var addrs []string
				for _, f := range c.faults {
					zone := faultZone
					if f != "" {
						zone += "$FAULT * * " + f + "\n"
					}
					s, err := dnstest.NewServer(zone)
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					addrs = append(addrs, s.Addr())
				}
				timeout := 20 * time.Second
				if c.least == 0 { // nobody answers, and each lookup takes its time
					timeout = 300 * time.Millisecond
				}
				r, err := dnscache.New(dnscache.Options{Upstreams: addrs, Timeout: timeout, AttemptTimeout: 300 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				const n = 400
				outcomes := lookUpMany(t, r, n, "n")
				known := 0
				for o, times := range outcomes {
					if o.Known() {
						known += times
					}
				}
				if known < c.least {
					t.Errorf("%d of %d answered: %v", known, n, outcomes)
				}
				t.Log(outcomes)
			})
		})
	}
}

// Both upstreams fail for a minute. Answers in the cache are served, other lookups
// fail and never say that a name does not exist, and afterwards everything works
// without a restart.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.Silent, dnstest.ServFail, dnstest.Garbage} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			ss, addrs := servers(t, faultZone, faultZone)
			clock := &clock{}
			r := resolver(t, dnscache.Options{Upstreams: addrs, Now: clock.now, Timeout: 300 * time.Millisecond, AttemptTimeout: 50 * time.Millisecond})
			for i := range 20 {
				r.Lookup(t.Context(), fmt.Sprintf("known%d.there.test", i), dnscache.TXT)
			}
			for _, s := range ss {
				s.SetFault("*", "*", f)
			}
			clock.advance(time.Minute + time.Second) // the TTL of all
			for second := range 6 {
				clock.advance(10 * time.Second)
				var wg sync.WaitGroup
				for i := range 20 {
					wg.Go(func() {
						if a := r.Lookup(t.Context(), fmt.Sprintf("known%d.there.test", i), dnscache.TXT); a.Outcome != dnscache.Found || !a.Stale {
							t.Errorf("known: %v, stale %v", a.Outcome, a.Stale)
						}
						for _, name := range []string{"x%d-%d.there.test", "x%d-%d.gone.test", "x%d.zone%d.test"} {
							if a := r.Lookup(t.Context(), fmt.Sprintf(name, second, i), dnscache.TXT); a.Outcome.Known() {
								t.Errorf("not known: %v", a.Outcome)
							}
						}
					})
				}
				wg.Wait()
			}
			eventually(t, r.Degraded)
			for _, s := range ss {
				s.SetFault("*", "*", "")
			}
			clock.advance(10 * time.Second)
			lookUpMany(t, r, 50, "after")
			for i := range 20 {
				if a := r.Lookup(t.Context(), fmt.Sprintf("known%d.there.test", i), dnscache.TXT); a.Outcome != dnscache.Found || a.Stale {
					t.Errorf("after: %v, stale %v, %v", a.Outcome, a.Stale, a.Err)
				}
			}
			eventually(t, func() bool { clock.advance(5 * time.Second); return !r.Degraded() })
		})
	}
}

// floodNames is the number of names in TestFlood; fewer with the race detector.
var floodNames = 100_000

// Many names that are asked for once do not exceed the bounds of memory.
func TestFlood(t *testing.T) {
	n := floodNames
	if testing.Short() {
		n = 5000
	}
	const most = 2 << 20
	nothingLeft(t, func() {
		s, err := dnstest.NewServer(faultZone)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := dnscache.New(dnscache.Options{Upstreams: []string{s.Addr()}, MaxBytes: most, MaxInFlight: 32, Timeout: 20 * time.Second, AttemptTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		before, most0, start := dnscache.HeapInUse(), 0, time.Now()
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					most0 = max(most0, descriptors())
				}
			}
		}()
		outcomes := lookUpMany(t, r, n, "n")
		close(stop)
		<-stopped
		took := time.Since(start)
		st := r.Stats()
		s.Forget()
		grown := dnscache.HeapInUse() - before
		t.Logf("%d names in %v: %v; %d entries, %d bytes, the heap grew by %d, at most %d descriptors", n, took, outcomes, st.Entries, st.Bytes, grown, most0)
		if outcomes[dnscache.Found]+outcomes[dnscache.NXDomain] != n {
			t.Errorf("not all answered: %v", outcomes)
		}
		if st.Bytes > most || grown > 4*most {
			t.Errorf("%d bytes of %d, the heap grew by %d", st.Bytes, most, grown)
		}
	})
}
