package dnscache_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Loss, failures, garbage and a dead upstream at the same time, with many names that
// are asked for once: no answer is wrong, memory keeps its bound, and afterwards
// everything works without a restart.
func TestManyFaults(t *testing.T) { undisturbed(t, manyFaults) }

func manyFaults(t testing.TB) {
	const zone = `
test. IN SOA ns.test. hm.test. 1 2 3 4 60
*.there.test. TXT "yes"
there.test. TXT "yes"
`
	const faults = `
$FAULT * TXT LOSS:30
$FAULT * A SERVFAIL
$FAULT * MX GARBAGE
$FAULT * NS TRUNCATE,LOSS:30
`
	ss, addrs := servers(t, zone+faults, zone+faults)
	addrs = append(addrs, nobody(t))
	const most = 1 << 20
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 300 * time.Millisecond, AttemptTimeout: 20 * time.Millisecond, MaxBytes: most, MaxInFlight: 64, MinTTL: time.Millisecond})
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[dnscache.Outcome]int{}
	for g := range 40 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for n := 0; time.Now().Before(end); n++ {
				there := rnd.IntN(2) == 0
				name := fmt.Sprintf("n%d-%d.gone.test", g, n)
				if there {
					name = fmt.Sprintf("n%d.there.test", rnd.IntN(5000))
				}
				typ := []dnscache.Type{dnscache.TXT, dnscache.TXT, dnscache.A, dnscache.MX, dnscache.NS}[rnd.IntN(5)]
				a := r.Lookup(t.Context(), name, typ)
				mu.Lock()
				outcomes[a.Outcome]++
				mu.Unlock()
				want := dnscache.NXDomain
				switch {
				case there && typ == dnscache.TXT:
					want = dnscache.Found
				case there:
					want = dnscache.NoData
				}
				if a.Outcome.Known() && a.Outcome != want || want == dnscache.Found && a.Outcome == want && a.TXT[0] != "yes" {
					t.Errorf("%s %v: %v", name, typ, a.Outcome)
				}
			}
		})
	}
	wg.Wait()
	s := r.Stats()
	t.Logf("%v; %d entries, %d bytes, %d evicted, %d stale", outcomes, s.Entries, s.Bytes, s.Evicted, s.Stale)
	if s.Bytes > most {
		t.Errorf("%d bytes of %d", s.Bytes, most)
	}
	for _, srv := range ss {
		if err := srv.SetZone(zone); err != nil {
			t.Fatal(err)
		}
	}
	r.Flush(".")
	for i := range 50 {
		if a := r.Lookup(t.Context(), fmt.Sprintf("after%d.there.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Errorf("when it is over: %v, %v", a.Outcome, a.Err)
		}
	}
}
