package dnscache_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// A query that was lost before anybody knew how long responses take is sent again as soon as
// that is known, and not after the time for an unknown upstream.
func TestFirstQueriesAreLost(t *testing.T) { undisturbed(t, firstQueriesAreLost) }

func firstQueriesAreLost(t testing.TB) {
	const rounds = 8
	late := 0
	for range rounds { // a busy machine is late too
		s, err := dnstest.NewServer("*.test. TXT x\n$FAULT * * LOSS:50")
		if err != nil {
			t.Fatal(err)
		}
		r := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Timeout: 20 * time.Second})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
					t.Errorf("%v, %v", a.Outcome, a.Err)
				}
			})
		}
		wg.Wait()
		if time.Since(began) > 480*time.Millisecond {
			late++
		}
		s.Close()
	}
	if late == rounds {
		t.Error("each time, a query waited as if no response had come")
	}
}

// An upstream that is silent over UDP about one name, and answers others, is asked over TCP
// after two attempts. One without TCP is asked over UDP again.
func TestSilenceOverUDP(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.SilentUDP, dnstest.Silent} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			_, addrs := servers(t, ". NS ns.test.\n*.test. TXT x\nlimited.test. TXT x\n$FAULT limited.test * "+string(f))
			r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 10 * time.Second, AttemptTimeout: 500 * time.Millisecond})
			ended := make(chan bool)
			var others sync.WaitGroup
			others.Go(func() {
				for i := 0; ; i++ {
					if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.other%d.test", i, i), dnscache.TXT); a.Outcome != dnscache.Found {
						t.Errorf("%v, %v", a.Outcome, a.Err)
					}
					select {
					case <-ended:
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
			a := r.Lookup(t.Context(), "limited.test", dnscache.TXT)
			close(ended)
			others.Wait()
			want, cause := dnscache.Found, dnscache.Cause(0)
			if f == dnstest.Silent {
				want, cause = dnscache.Timeout, dnscache.CauseName
			}
			if a.Outcome != want || a.Cause != cause {
				t.Errorf("%v, %v, %v", a.Outcome, a.Cause, a.Err)
			}
			if n := r.Stats().Upstreams[0].TCP; n == 0 || n > 4 {
				t.Errorf("%d queries over TCP", n)
			}
		})
	}
}
