package dnscache_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// A resolver that is restarted during lookups answers them, and the lookups of which the
// time was over before leave nothing behind.
func TestRestartedResolver(t *testing.T) { undisturbed(t, restartedResolver) }

func restartedResolver(t testing.TB) {
	addr := nobody(t)
	core, logs := observer.New(zap.InfoLevel)
	r := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 20 * time.Second, Logger: zap.New(core)})
	brief := resolver(t, dnscache.Options{Upstreams: []string{addr}, Timeout: 50 * time.Millisecond})
	if a := brief.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseResolver {
		t.Errorf("%v, %v", a.Outcome, a.Cause)
	}
	var answered time.Time
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
				t.Errorf("%v, %v", a.Outcome, a.Err)
			}
			mu.Lock()
			defer mu.Unlock()
			answered = time.Now()
		})
	}
	eventually(t, func() bool { return r.Stats().Upstreams[0].Failures > 40 })
	s, err := dnstest.NewServerAt(addr, "*.test. TXT x")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	began := time.Now()
	wg.Wait()
	if took := answered.Sub(began); took > time.Second {
		t.Errorf("%v until the lookups ended", took)
	}
	if n := logs.FilterMessage("dns upstream fails, asked last from now on").Len(); n != 1 {
		t.Errorf("said %d times that it fails", n)
	}
	if n := logs.FilterMessage("dns upstream answers again").Len(); n != 1 {
		t.Errorf("said %d times that it is back", n)
	}
	if a := brief.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("%v, %v", a.Outcome, a.Err)
	}
}

// A resolver that refuses a question has a quota, or refuses this host. If it refuses
// one name alone, it was told to.
func TestRefusal(t *testing.T) { undisturbed(t, refusal) }

func refusal(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x\n$FAULT blocked.test * REFUSED", dnscache.Options{Timeout: 10 * time.Second})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	a := r.Lookup(t.Context(), "blocked.test", dnscache.TXT)
	if n := asked(s, "blocked.test"); a.Outcome != dnscache.Refused || a.Cause != dnscache.CauseName || n != 3 {
		t.Errorf("%v, %v, asked %d times", a.Outcome, a.Cause, n)
	}
	s.SetFault("*", "*", dnstest.Refuse)
	time.AfterFunc(300*time.Millisecond, func() { s.SetFault("*", "*", "") })
	if a := r.Lookup(t.Context(), "b.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("%v, %v", a.Outcome, a.Err)
	}
	hasty := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Timeout: time.Second})
	s.SetFault("*", "*", dnstest.Refuse)
	a = hasty.Lookup(t.Context(), "c.test", dnscache.TXT)
	if a.Outcome != dnscache.Refused || a.Cause != dnscache.CauseResolver || hasty.Stats().Entries != 0 {
		t.Errorf("%v, %v, %d kept", a.Outcome, a.Cause, hasty.Stats().Entries)
	}
}

// A name that fails while others are answered is remembered. When all fail, none is.
func TestWhoseFailure(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.ServFail, dnstest.Silent, dnstest.Garbage, dnstest.Lame} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			s, r, _ := fixture(t, "*.test. TXT x\n$FAULT bad.test * "+string(f), dnscache.Options{Timeout: 2 * time.Second})
			if a := r.Lookup(t.Context(), "bad.test", dnscache.TXT); a.Cause != dnscache.CauseName || r.Stats().Entries != 1 {
				t.Errorf("one name: %v, %v, %d kept", a.Outcome, a.Cause, r.Stats().Entries)
			}
			all := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Timeout: 300 * time.Millisecond})
			s.SetFault("*", "*", f)
			if a := all.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome.Known() || a.Cause != dnscache.CauseResolver || all.Stats().Entries != 0 {
				t.Errorf("all names: %v, %v, %d kept", a.Outcome, a.Cause, all.Stats().Entries)
			}
		})
	}
}

// A resolver that denies every name is not believed, also if it once found names. What
// it denied before that was noticed is forgotten.
func TestDenialOfEverything(t *testing.T) { undisturbed(t, denialOfEverything) }

func denialOfEverything(t testing.TB) {
	core, logs := observer.New(zap.InfoLevel)
	s, r, clock := fixture(t, "*.test. TXT x", dnscache.Options{Timeout: 2 * time.Second, Logger: zap.New(core)})
	lookup := func(name string) *dnscache.Answer { return r.Lookup(t.Context(), name, dnscache.TXT) }
	if a := lookup("none.example"); a.Outcome != dnscache.NXDomain {
		t.Fatalf("%v, %v", a.Outcome, a.Err)
	}
	if a := lookup("found.test"); a.Outcome != dnscache.Found {
		t.Fatalf("%v, %v", a.Outcome, a.Err)
	}
	s.SetFault("*", "*", dnstest.Deny)
	if a := lookup("at-once.test"); a.Outcome != dnscache.NXDomain {
		t.Fatalf("within the time of the last proof: %v", a.Outcome)
	}
	clock.advance(2 * time.Second)
	for i := range 3 {
		a := lookup(fmt.Sprintf("denied%d.test", i))
		if a.Outcome.Known() || a.Cause != dnscache.CauseResolver {
			t.Errorf("%v, %v, %v", a.Outcome, a.Cause, a.Err)
		}
	}
	s.SetZone("*.test. TXT x")
	if a := lookup("at-once.test"); a.Outcome != dnscache.Found {
		t.Errorf("its denial is remembered: %v", a.Outcome)
	}
	if a := lookup("none.example"); a.Outcome != dnscache.NXDomain {
		t.Errorf("%v, %v", a.Outcome, a.Err)
	}
	if n := logs.FilterMessageSnippet("denies everything").Len(); n != 1 {
		t.Errorf("said so %d times", n)
	}
}

// What failed for a name during an outage is asked again after it.
func TestFailuresOfAnOutageAreForgotten(t *testing.T) { undisturbed(t, failuresOfAnOutageAreForgotten) }

func failuresOfAnOutageAreForgotten(t testing.TB) {
	s, r, clock := fixture(t, "*.test. TXT x\n$FAULT a.test * SERVFAIL", dnscache.Options{Timeout: 300 * time.Millisecond, FailureTTL: 5 * time.Minute})
	for range 2 {
		if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.ServFail || a.Cause != dnscache.CauseName {
			t.Fatalf("%v, %v", a.Outcome, a.Cause)
		}
	}
	if n := asked(s, "a.test"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	clock.advance(time.Second)
	addr := s.Addr()
	s.Close()
	if a := r.Lookup(t.Context(), "b.test", dnscache.TXT); a.Cause != dnscache.CauseResolver {
		t.Errorf("%v, %v", a.Outcome, a.Cause)
	}
	again, err := dnstest.NewServerAt(addr, "*.test. TXT x")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	eventually(t, func() bool { return r.Lookup(t.Context(), "a.test", dnscache.TXT).Outcome == dnscache.Found })
}

// A caller that found no slot in time is told that it was not the name.
func TestCauseOfAWaitForASlot(t *testing.T) { undisturbed(t, causeOfAWaitForASlot) }

func causeOfAWaitForASlot(t testing.TB) {
	_, r, _ := fixture(t, "$FAULT * * TIMEOUT", dnscache.Options{MaxInFlight: 1, Timeout: 200 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Cause != dnscache.CauseResolver || errors.Is(a.Err, dnscache.ErrClosed) {
				t.Errorf("%v, %v", a.Cause, a.Err)
			}
		})
	}
	wg.Wait()
}
