package dnscache_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestDegradedAndBack(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Silent} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			core, logs := observer.New(zap.InfoLevel)
			s, r, clock := fixture(t, "*.test. TXT x", dnscache.Options{Logger: zap.New(core), Timeout: 400 * time.Millisecond})
			ask := func(n int, from string) {
				for i := range n {
					r.Lookup(t.Context(), fmt.Sprintf("a.%s%d.test", from, i), dnscache.TXT)
				}
			}
			ask(5, "good")
			s.SetFault("*", "*", f)
			ask(4, "few")
			clock.advance(time.Second)
			if r.Degraded() {
				t.Error("4 zones of 9 are not most")
			}
			ask(6, "bad")
			eventually(t, r.Degraded)
			clock.advance(20 * time.Second)
			if !r.Degraded() || !r.Stats().Degraded {
				t.Error("ended by itself")
			}
			s.SetFault("*", "*", "")
			// Callers that defer because of it ask nothing else.
			eventually(t, func() bool { clock.advance(5 * time.Second); return !r.Degraded() })
			var said []string
			for _, l := range logs.All() {
				if !strings.Contains(l.Message, "upstream") {
					said = append(said, l.Level.String()+": "+l.Message)
				}
			}
			want := "error: dns is down: lookups fail whatever is asked, and results cannot be relied on until it works again, info: dns works again"
			if strings.Join(said, ", ") != want {
				t.Errorf("said %q", said)
			}
		})
	}
}

// Lookups that succeed end the degradation as well.
func TestDegradedEndsWithSuccess(t *testing.T) { undisturbed(t, degradedEndsWithSuccess) }

func degradedEndsWithSuccess(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * SERVFAIL", dnscache.Options{Timeout: 2 * time.Second})
	for i := range 5 {
		r.Lookup(t.Context(), fmt.Sprintf("a.bad%d.test", i), dnscache.TXT)
	}
	eventually(t, r.Degraded)
	s.SetFault("*", "*", "")
	for i := range 20 {
		r.Lookup(t.Context(), fmt.Sprintf("a.good%d.test", i), dnscache.TXT)
	}
	if r.Degraded() {
		t.Error("the clock stands still, and yet 20 zones of 25 answer")
	}
}

// Strangers choose the names. However many of their domains are dead, and though
// nothing else is asked for, that does not mean that the resolvers fail.
func TestDeadDomainsDoNotDegrade(t *testing.T) { undisturbed(t, deadDomainsDoNotDegrade) }

func deadDomainsDoNotDegrade(t testing.TB) {
	var zone strings.Builder
	for i := range 200 {
		fmt.Fprintf(&zone, "$FAULT mail.dead%d.test TXT %s\n", i, []dnstest.Fault{dnstest.ServFail, dnstest.Silent, dnstest.Lame}[i%3])
	}
	// The resolver's own test must be answered even on a busy machine.
	s, r, clock := fixture(t, zone.String(), dnscache.Options{Timeout: 300 * time.Millisecond, AttemptTimeout: 50 * time.Millisecond})
	const batch = 10
	for from := 0; from < 200; from += batch {
		var wg sync.WaitGroup
		for i := range batch {
			wg.Go(func() {
				if a := r.Lookup(t.Context(), fmt.Sprintf("mail.dead%d.test", from+i), dnscache.TXT); a.Outcome.Known() {
					t.Error(a.Outcome)
				}
			})
		}
		wg.Wait()
		clock.advance(batch * 200 * time.Millisecond)
		if r.Degraded() {
			t.Fatalf("after %d", from+batch)
		}
	}
	eventually(t, func() bool { return r.Stats().InFlight == 0 })
	tests := map[string]bool{}
	for _, q := range s.Queries() {
		if strings.HasPrefix(q.Name, "dnscache-test-") {
			tests[q.Name] = true
		}
	}
	// 40 s have passed on the clock.
	if len(tests) == 0 || len(tests) > 2*9 {
		t.Errorf("tested %d times", len(tests))
	}
}

// Failures of many names in one zone are one vote, and lead to one test.
func TestOneDeadDomainIsOneVote(t *testing.T) { undisturbed(t, oneDeadDomainIsOneVote) }

func oneDeadDomainIsOneVote(t testing.TB) {
	var zone strings.Builder
	for i := range 50 {
		fmt.Fprintf(&zone, "$FAULT n%d.dead.test TXT SERVFAIL\n", i)
	}
	s, r, _ := fixture(t, zone.String(), dnscache.Options{})
	for i := range 50 {
		r.Lookup(t.Context(), fmt.Sprintf("n%d.dead.test", i), dnscache.TXT)
	}
	if n := len(s.Queries()); n != 50+1 || r.Degraded() {
		t.Errorf("%d queries, degraded %v", n, r.Degraded())
	}
}
