package dnscache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func servers(t testing.TB, zones ...string) (ss []*dnstest.Server, addrs []string) {
	t.Helper()
	for _, z := range zones {
		s, err := dnstest.NewServer(z)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		ss, addrs = append(ss, s), append(addrs, s.Addr())
	}
	return ss, addrs
}

func resolver(t testing.TB, o dnscache.Options) *dnscache.Resolver {
	t.Helper()
	r, err := dnscache.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// eventually waits until something has happened in the background.
func eventually(t testing.TB, happened func() bool) {
	t.Helper()
	for range 10_000 {
		if happened() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not happen")
}

// nobody returns an address at which no server listens. It is below the ports that the
// system gives to clients, so that it stays free for a server that a test starts there.
func nobody(t testing.TB) string {
	t.Helper()
	for range 100 {
		pc, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		pc.Close()
		if err != nil {
			continue
		}
		l.Close()
		return pc.LocalAddr().String()
	}
	t.Fatal("no free port")
	return ""
}

func TestSecondUpstreamAnswers(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Silent, dnstest.Lame, dnstest.Garbage} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			_, addrs := servers(t, "a.test. TXT bad\n$FAULT * * "+string(f), "a.test. TXT good")
			r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 2 * time.Second, AttemptTimeout: 100 * time.Millisecond})
			if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || a.TXT[0] != "good" {
				t.Errorf("got %v, %v, %v", a.Outcome, a.TXT, a.Err)
			}
		})
	}
}

// When all upstreams fail, one of their failures is reported.
func TestFailureOfSeveral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faults [2]dnstest.Fault
		want   dnscache.Outcome
	}{
		{[2]dnstest.Fault{dnstest.Refuse, dnstest.Refuse}, dnscache.Refused},
		{[2]dnstest.Fault{dnstest.Refuse, dnstest.Silent}, dnscache.Timeout},
		{[2]dnstest.Fault{dnstest.Silent, dnstest.Silent}, dnscache.Timeout},
		{[2]dnstest.Fault{dnstest.Silent, dnstest.ServFail}, dnscache.ServFail},
		{[2]dnstest.Fault{dnstest.ServFail, dnstest.Refuse}, dnscache.ServFail},
	} {
		runUndisturbed(t, fmt.Sprint(c.faults), func(t testing.TB) {
			_, addrs := servers(t, "$FAULT * * "+string(c.faults[0]), "$FAULT * * "+string(c.faults[1]))
			r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 4 * time.Second, AttemptTimeout: 300 * time.Millisecond})
			if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != c.want || a.Err == nil {
				t.Errorf("got %v, %v", a.Outcome, a.Err)
			}
		})
	}
}

func TestDeadUpstreams(t *testing.T) { undisturbed(t, deadUpstreams) }

func deadUpstreams(t testing.TB) {
	r := resolver(t, dnscache.Options{Upstreams: []string{nobody(t), nobody(t)}, Timeout: 2 * time.Second})
	start := time.Now()
	a := r.Lookup(t.Context(), "a.test", dnscache.TXT)
	if a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseResolver || !errors.Is(a.Err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, %v, %v", a.Outcome, a.Cause, a.Err)
	}
	// Somebody may be there soon, but the lookup has its time.
	if took := time.Since(start); took > 5*time.Second || took < 2*time.Second {
		t.Errorf("it takes %v to see that nobody is there", took)
	}
	if r.Stats().Entries != 0 {
		t.Error("the failure of the resolver is kept as one of the name")
	}
}

func TestDeadUpstreamIsAskedLastAndProbed(t *testing.T) {
	undisturbed(t, deadUpstreamIsAskedLastAndProbed)
}

func deadUpstreamIsAskedLastAndProbed(t testing.TB) {
	core, logs := observer.New(zap.InfoLevel)
	ss, addrs := servers(t, "$FAULT * * TIMEOUT", "*.test. TXT x")
	clock := &clock{}
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 5 * time.Second, AttemptTimeout: 40 * time.Millisecond, Now: clock.now, Logger: zap.New(core)})
	asked := 0
	ask := func() {
		asked++
		if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", asked), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Fatal(a.Outcome, a.Err)
		}
	}
	eventually(t, func() bool {
		ask()
		return logs.FilterMessage("dns upstream fails, asked last from now on").Len() > 0
	})
	for range 20 {
		ask()
	}
	// Three times, or more if the machine is busy and the other one looks slow.
	if n := len(ss[0].Queries()); n < 3 || n > 6 {
		t.Errorf("the dead one was asked %d times before it was left alone", n)
	}
	if n := logs.FilterMessage("dns upstream fails, asked last from now on").Len(); n != 1 {
		t.Errorf("said so %d times", n)
	}
	ss[0].SetZone("*.test. TXT x")
	ss[0].Forget()
	clock.advance(time.Second)
	for i := range 5 {
		r.Lookup(t.Context(), fmt.Sprintf("probe%d.test", i), dnscache.TXT)
	}
	// On a busy machine a probe may come too late. The next one begins when that has
	// ended: many at a time would make the machine busier still.
	more, ended := 0, uint64(0)
	eventually(t, func() bool {
		u := r.Stats().Upstreams[0]
		if u.BackOff && u.Queries > ended {
			ended = u.Queries
			clock.advance(time.Minute)
			more++
			r.Lookup(t.Context(), fmt.Sprintf("more%d.test", more), dnscache.TXT)
		}
		return !u.BackOff
	})
	// On a busy machine the query of the first probe comes after later ones.
	var probes []dnstest.Query
	eventually(t, func() bool {
		probes = slices.DeleteFunc(ss[0].Queries(), func(q dnstest.Query) bool { return !strings.HasPrefix(q.Name, "probe") })
		return len(probes) > 0
	})
	if probes[0].Name != "probe0.test" {
		t.Errorf("probed with %v", probes)
	}
	if n := logs.FilterMessage("dns upstream answers again").Len(); n != 1 {
		t.Errorf("said %d times that it is back", n)
	}
}

func TestFasterUpstreamIsPreferred(t *testing.T) { undisturbed(t, fasterUpstreamIsPreferred) }

func fasterUpstreamIsPreferred(t testing.TB) {
	ss, addrs := servers(t, "*.test. TXT x\n$FAULT * * DELAY:40ms", "*.test. TXT x")
	r := resolver(t, dnscache.Options{Upstreams: addrs})
	for i := range 20 {
		r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
	}
	if n := len(ss[0].Queries()); n > 3 {
		t.Errorf("the slow one was asked %d times of 20", n)
	}
}

func TestLateUpstreamIsHedged(t *testing.T) { undisturbed(t, lateUpstreamIsHedged) }

func lateUpstreamIsHedged(t testing.TB) {
	ss, addrs := servers(t, "*.test. TXT x", "*.test. TXT x\n$FAULT * * DELAY:30ms")
	r := resolver(t, dnscache.Options{Upstreams: addrs})
	r.Lookup(t.Context(), "first.test", dnscache.TXT)
	r.Lookup(t.Context(), "second.test", dnscache.TXT)
	ss[0].SetFault("late.test", "*", dnstest.Delay(time.Second))
	start := time.Now()
	if a := r.Lookup(t.Context(), "late.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Error(a.Outcome)
	}
	if took := time.Since(start); took > 700*time.Millisecond {
		t.Errorf("took %v", took)
	}
	var hedged uint64
	for _, u := range r.Stats().Upstreams {
		hedged += u.Hedged
	}
	if hedged == 0 && asked(ss[0], "late.test") > 0 { // on a busy machine the other is the faster one
		t.Error("none hedged")
	}
}

func TestHedgingHasABudget(t *testing.T) { undisturbed(t, hedgingHasABudget) }

func hedgingHasABudget(t testing.TB) {
	_, addrs := servers(t, "*.test. TXT x\n$FAULT * * DELAY:300ms", "*.test. TXT x\n$FAULT * * DELAY:300ms")
	r := resolver(t, dnscache.Options{Upstreams: addrs})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT) })
	}
	wg.Wait()
	var hedged uint64
	for _, u := range r.Stats().Upstreams {
		hedged += u.Hedged
	}
	if hedged == 0 || hedged > 40 {
		t.Errorf("%d of 200 hedged", hedged)
	}
}

// A lost query is sent again as soon as the upstream's responses are due, with one
// upstream as with several, and a slow upstream is not asked twice.
func TestLateResponses(t *testing.T) { undisturbed(t, lateResponses) }

func lateResponses(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x", dnscache.Options{Timeout: 20 * time.Second})
	lookup := func(name string) time.Duration {
		start := time.Now()
		if a := r.Lookup(t.Context(), name+".test", dnscache.TXT); a.Outcome != dnscache.Found {
			t.Errorf("%s: %v, %v", name, a.Outcome, a.Err)
		}
		return time.Since(start)
	}
	for i := range 20 {
		lookup(fmt.Sprintf("quick%d", i))
	}
	s.SetFault("*", "*", dnstest.Loss(40))
	var total time.Duration
	for i := range 20 {
		total += lookup(fmt.Sprintf("lost%d", i))
	}
	if u := r.Stats().Upstreams[0]; total > 20*400*time.Millisecond || u.Lost < 5 || u.Retransmitted < u.Lost || u.Failures > 2 {
		t.Errorf("%v for 20 lookups; %+v", total, u)
	}
	_, r, _ = fixture(t, "*.test. TXT x\n$FAULT * * DELAY:300ms", dnscache.Options{Timeout: 20 * time.Second})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT) })
	}
	wg.Wait()
	if n := r.Stats().Upstreams[0].Retransmitted; n > 2 {
		t.Errorf("%d queries for 40 questions", 40+n)
	}
}

func TestLossIsRetried(t *testing.T) { undisturbed(t, lossIsRetried) }

func lossIsRetried(t testing.TB) {
	_, addrs := servers(t, "*.test. TXT x\n$FAULT * * LOSS:30")
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 5 * time.Second, AttemptTimeout: 50 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
				t.Errorf("%d: %v, %v", i, a.Outcome, a.Err)
			}
		})
	}
	wg.Wait()
}

func TestInFlightIsBounded(t *testing.T) { undisturbed(t, inFlightIsBounded) }

func inFlightIsBounded(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * DELAY:5ms", dnscache.Options{MaxInFlight: 4, Timeout: 10 * time.Second})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i%50), dnscache.TXT); a.Outcome != dnscache.Found {
				t.Errorf("%v, %v", a.Outcome, a.Err)
			}
			if n := r.Stats().InFlight; n > 4 {
				t.Errorf("%d in flight", n)
			}
		})
	}
	wg.Wait()
	if n := len(s.Queries()); n != 50 {
		t.Errorf("%d queries for 50 questions", n)
	}
	s.SetFault("*", "*", dnstest.Silent)
	crowd, giveUp := context.WithCancel(t.Context())
	for i := range 4 {
		wg.Go(func() { r.Lookup(crowd, fmt.Sprintf("full%d.test", i), dnscache.TXT) })
	}
	// A quarter is reserved for urgent lookups.
	eventually(t, func() bool { return r.Stats().InFlight == 3 })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	wg.Go(func() { r.Lookup(dnscache.Urgent(crowd), "urgent.test", dnscache.TXT) })
	eventually(t, func() bool { return r.Stats().InFlight == 4 })
	if a := r.Lookup(ctx, "one-more.test", dnscache.TXT); a.Outcome != dnscache.Timeout || !strings.Contains(a.Err.Error(), "too many") {
		t.Errorf("got %v, %v", a.Outcome, a.Err)
	}
	// When slots are scarce, a flight that nobody waits for ends.
	giveUp()
	eventually(t, func() bool { return r.Stats().InFlight <= 1 })
	s.SetFault("*", "*", "")
	if a := r.Lookup(t.Context(), "after.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("after the crowd: %v, %v", a.Outcome, a.Err)
	}
	r.Close()
	wg.Wait()
}

// Options.Timeout covers the wait for a slot and the wait for the answer.
func TestTimeoutCoversTheWaitForASlot(t *testing.T) { undisturbed(t, timeoutCoversTheWaitForASlot) }

func timeoutCoversTheWaitForASlot(t testing.TB) {
	_, r, _ := fixture(t, "$FAULT * * TIMEOUT", dnscache.Options{MaxInFlight: 1, Timeout: 300 * time.Millisecond, AttemptTimeout: 300 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			start := time.Now()
			r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
			if took := time.Since(start); took > 550*time.Millisecond {
				t.Errorf("took %v", took)
			}
		})
	}
	wg.Wait()
}

func TestStats(t *testing.T) { undisturbed(t, stats) }

func stats(t testing.TB) {
	_, r := dnstest.Start(t, "a.test. TXT x\n$FAULT fail.test * SERVFAIL\n$FAULT cut.test * TRUNCATE\ncut.test. TXT x")
	for _, n := range []string{"a.test", "a.test", "a.test", "none.test", "none.test", "fail.test", "fail.test", "cut.test"} {
		r.Lookup(t.Context(), n, dnscache.TXT)
	}
	s := r.Stats()
	want := dnscache.OutcomeCounts{dnscache.Found: 2, dnscache.NXDomain: 1, dnscache.ServFail: 1}
	if s.Hits != want {
		t.Errorf("hits %v, want %v", s.Hits, want)
	}
	want = dnscache.OutcomeCounts{dnscache.Found: 2, dnscache.NXDomain: 1, dnscache.ServFail: 1}
	if s.Wire != want {
		t.Errorf("wire %v, want %v", s.Wire, want)
	}
	for o, h := range s.TookBy {
		var n uint64
		for _, in := range h {
			n += in
		}
		if n != s.Wire[o] || (n > 0) != (s.TookSum[o] > 0) {
			t.Errorf("%v: %d took some time, %v together, %d went out", dnscache.Outcome(o), n, s.TookSum[o], s.Wire[o])
		}
	}
	u := s.Upstreams[0]
	if s.Misses != 4 || s.Entries != 4 || s.Bytes < 1000 || u.Queries != 4 || u.TCP != 1 || u.Failures != 0 || u.Latency == 0 || u.TookSum < u.Latency || s.Limit != 64<<20 {
		t.Errorf("%+v", s)
	}
}

func TestIPv6Upstream(t *testing.T) { undisturbed(t, iPv6Upstream) }

func iPv6Upstream(t testing.TB) {
	if pc, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 on loopback: ", err)
	} else {
		pc.Close()
	}
	r := resolver(t, dnscache.Options{Upstreams: []string{"[::1]:1"}, Timeout: 200 * time.Millisecond})
	if a := r.Lookup(t.Context(), "a.test", dnscache.A); a.Outcome != dnscache.Timeout {
		t.Errorf("got %v, %v", a.Outcome, a.Err)
	}
}
