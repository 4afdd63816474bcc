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
func TestFirstQueriesAreLost(t *testing.T) {
	t.Parallel()
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
