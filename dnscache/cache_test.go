package dnscache_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// clock is a clock that stands still until advance is called.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// fixture returns a server, a resolver that asks it, and the clock of the resolver.
func fixture(t testing.TB, zone string, o dnscache.Options) (*dnstest.Server, *dnscache.Resolver, *clock) {
	t.Helper()
	s, err := dnstest.NewServer(zone)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{}
	o.Now = c.now
	if len(o.Upstreams) == 0 {
		o.Upstreams = []string{s.Addr()}
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second // a busy machine may stand still for seconds
	}
	r, err := dnscache.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); s.Close() })
	return s, r, c
}

// Each kind of answer comes from the cache just before its end, and not after.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	const zone = `
soa.test. 900 IN SOA ns.test. hm.test. 1 2 3 4 120
long.test. 20 IN SOA ns.test. hm.test. 1 2 3 4 7200
forever.test. 100000 IN SOA ns.test. hm.test. 1 2 3 4 100000
a.soa.test. 300 TXT a
zero.soa.test. 0 TXT zero
week.soa.test. 604800 TXT week
minus.soa.test. 2147483648 TXT minus
alias.soa.test. 30 CNAME a.soa.test.
away.soa.test. 10 CNAME none.soa.test.
$FAULT fail.test * SERVFAIL
$FAULT refuse.test * REFUSED
$FAULT lame.test * LAME
`
	for _, c := range []struct {
		name, ask string
		typ       dnscache.Type
		outcome   dnscache.Outcome
		want      time.Duration
	}{
		{"TTL", "a.soa.test", dnscache.TXT, dnscache.Found, 300 * time.Second},
		{"MinTTL", "zero.soa.test", dnscache.TXT, dnscache.Found, 5 * time.Second},
		{"MaxTTL", "week.soa.test", dnscache.TXT, dnscache.Found, 24 * time.Hour},
		{"RFC 2181 8 top bit", "minus.soa.test", dnscache.TXT, dnscache.Found, 5 * time.Second},
		{"least of the chain", "alias.soa.test", dnscache.TXT, dnscache.Found, 30 * time.Second},
		{"RFC 2308 5 SOA minimum, no data", "a.soa.test", dnscache.A, dnscache.NoData, 120 * time.Second},
		{"RFC 2308 5 SOA minimum, NXDOMAIN", "b.soa.test", dnscache.A, dnscache.NXDomain, 120 * time.Second},
		{"RFC 2308 5 SOA TTL", "a.long.test", dnscache.A, dnscache.NXDomain, 20 * time.Second},
		{"NegativeTTL", "a.forever.test", dnscache.A, dnscache.NXDomain, time.Hour},
		{"NXDOMAIN behind a chain", "away.soa.test", dnscache.A, dnscache.NXDomain, 10 * time.Second},
		{"RFC 9520 SERVFAIL", "fail.test", dnscache.A, dnscache.ServFail, 5 * time.Second},
		{"RFC 9520 REFUSED", "refuse.test", dnscache.A, dnscache.Refused, 5 * time.Second},
		{"RFC 9520 lame", "lame.test", dnscache.A, dnscache.ServFail, 5 * time.Second},
	} {
		runUndisturbed(t, c.name, func(t testing.TB) {
			s, r, clock := fixture(t, zone, dnscache.Options{MaxStale: -1})
			first := r.Lookup(t.Context(), c.ask, c.typ)
			if first.Outcome != c.outcome || first.Cached {
				t.Fatalf("got %v, cached %v, err %v", first.Outcome, first.Cached, first.Err)
			}
			if !first.Expires.Equal(clock.now().Add(c.want)) {
				t.Errorf("expires in %v, want %v", first.Expires.Sub(clock.now()), c.want)
			}
			s.Forget()
			clock.advance(c.want - 1)
			if a := r.Lookup(t.Context(), c.ask, c.typ); !a.Cached || a.Outcome != c.outcome {
				t.Errorf("before its end: cached %v, %v", a.Cached, a.Outcome)
			}
			clock.advance(1)
			if a := r.Lookup(t.Context(), c.ask, c.typ); a.Cached || a.Outcome != c.outcome {
				t.Errorf("after its end: cached %v, %v", a.Cached, a.Outcome)
			}
			if len(s.Queries()) == 0 {
				t.Error("not asked again")
			}
		})
	}
}

func TestTimeoutIsRemembered(t *testing.T) { undisturbed(t, timeoutIsRemembered) }

func timeoutIsRemembered(t testing.TB) {
	s, r, _ := fixture(t, "$FAULT a.test * TIMEOUT", dnscache.Options{Timeout: 300 * time.Millisecond})
	first := 0 // with what is sent again, as no answer comes
	for i := range 3 {
		if a := r.Lookup(t.Context(), "a.test", dnscache.A); a.Outcome != dnscache.Timeout || a.Err == nil || a.Cached != (i > 0) {
			t.Errorf("%d: %v, %v, cached %v", i, a.Outcome, a.Err, a.Cached)
		}
		if i == 0 {
			first = asked(s, "a.test")
		}
	}
	if n := asked(s, "a.test"); n != first || n == 0 {
		t.Errorf("%d queries, %d for the first lookup", n, first)
	}
}

// asked returns how often a server was asked for a name.
func asked(s *dnstest.Server, name string) int {
	n := 0
	for _, q := range s.Queries() {
		if q.Name == name {
			n++
		}
	}
	return n
}

func TestThousandAskersOneQuery(t *testing.T) { undisturbed(t, thousandAskersOneQuery) }

func thousandAskersOneQuery(t testing.TB) {
	for _, c := range []struct {
		name    string
		outcome dnscache.Outcome
	}{
		{"there.test", dnscache.Found}, {"none.test", dnscache.NXDomain}, {"fail.test", dnscache.ServFail},
	} {
		s, r, _ := fixture(t, "there.test. TXT x\n$FAULT fail.test * DELAY:20ms,SERVFAIL\n$FAULT * * DELAY:20ms", dnscache.Options{Timeout: 5 * time.Second})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if a := r.Lookup(t.Context(), c.name, dnscache.TXT); a.Outcome != c.outcome {
					t.Errorf("%s: %v, %v", c.name, a.Outcome, a.Err)
				}
			})
		}
		wg.Wait()
		if n := asked(s, c.name); n != 1 {
			t.Errorf("%s: %d queries", c.name, n)
		}
	}
}

func TestWaiterThatGivesUpHurtsNobody(t *testing.T) { undisturbed(t, waiterThatGivesUpHurtsNobody) }

func waiterThatGivesUpHurtsNobody(t testing.TB) {
	s, r, _ := fixture(t, "a.test. TXT x\n$FAULT a.test * DELAY:80ms", dnscache.Options{Timeout: 5 * time.Second})
	hasty, cancel := context.WithCancel(t.Context())
	done := make(chan *dnscache.Answer)
	go func() { done <- r.Lookup(hasty, "a.test", dnscache.TXT) }()
	eventually(t, func() bool { return len(s.Queries()) > 0 })
	patient := make(chan *dnscache.Answer)
	go func() { patient <- r.Lookup(t.Context(), "a.test", dnscache.TXT) }()
	cancel()
	if a := <-done; a.Outcome != dnscache.Timeout || a.Err == nil {
		t.Errorf("the caller that gave up got %v, %v", a.Outcome, a.Err)
	}
	if a := <-patient; a.Outcome != dnscache.Found {
		t.Errorf("the caller that waited got %v, %v", a.Outcome, a.Err)
	}
	if n := len(s.Queries()); n != 1 {
		t.Errorf("%d queries", n)
	}
	if a := r.Lookup(hasty, "a.test", dnscache.TXT); a.Outcome != dnscache.Found || !a.Cached {
		t.Errorf("a context that has ended does not get what is there: %v", a.Outcome)
	}
}

func TestCloseEndsLookups(t *testing.T) { undisturbed(t, closeEndsLookups) }

func closeEndsLookups(t testing.TB) {
	s, r, _ := fixture(t, "$FAULT * * TIMEOUT", dnscache.Options{Timeout: 30 * time.Second, AttemptTimeout: 30 * time.Second})
	done := make(chan *dnscache.Answer)
	go func() { done <- r.Lookup(context.Background(), "a.test", dnscache.TXT) }()
	eventually(t, func() bool { return len(s.Queries()) > 0 })
	r.Close()
	if a := <-done; a.Outcome != dnscache.Timeout || a.Err == nil {
		t.Errorf("got %v, %v", a.Outcome, a.Err)
	}
	if a := r.Lookup(context.Background(), "b.test", dnscache.TXT); a.Outcome != dnscache.Timeout {
		t.Errorf("after Close: %v", a.Outcome)
	}
	r.Close()
}

// RFC 8767: when the servers fail, a Found answer is served for MaxStale.
func TestServeStale(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Silent} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			s, r, clock := fixture(t, "a.test. 60 TXT x", dnscache.Options{Timeout: 2 * time.Second, MaxStale: time.Hour})
			r.Lookup(t.Context(), "a.test", dnscache.TXT)
			none := r.Lookup(t.Context(), "none.test", dnscache.TXT)
			clock.advance(61 * time.Second)
			s.SetFault("*", "*", f)
			s.Forget()
			first := 0
			for i := range 3 {
				if i == 1 { // the first lookup has taken its time
					eventually(t, func() bool { return r.Stats().InFlight == 0 })
					first = asked(s, "a.test")
				}
				a := r.Lookup(t.Context(), "a.test", dnscache.TXT)
				if a.Outcome != dnscache.Found || !a.Stale || a.TXT[0] != "x" || a.Err != nil {
					t.Errorf("%d: %v, stale %v, %v", i, a.Outcome, a.Stale, a.Err)
				}
			}
			if n := asked(s, "a.test"); n != first {
				t.Errorf("asked %d times more within FailureTTL", n-first)
			}
			if a := r.Lookup(t.Context(), "none.test", dnscache.TXT); none.Outcome != dnscache.NXDomain || !a.Outcome.Temporary() || a.Stale {
				t.Errorf("a negative answer past its TTL: %v, stale %v", a.Outcome, a.Stale)
			}
			clock.advance(6 * time.Second)
			s.SetFault("*", "*", "")
			if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || a.Stale || a.Cached {
				t.Errorf("when they are back: %v, stale %v, cached %v", a.Outcome, a.Stale, a.Cached)
			}
			s.SetFault("*", "*", f)
			clock.advance(time.Hour + 61*time.Second)
			if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); !a.Outcome.Temporary() || a.Stale {
				t.Errorf("after MaxStale: %v, stale %v", a.Outcome, a.Stale)
			}
		})
	}
}

// RFC 8767 section 5, the client response timer: with an expired answer in the
// cache nobody waits until the servers have failed.
func TestServeStaleWhenLate(t *testing.T) { undisturbed(t, serveStaleWhenLate) }

func serveStaleWhenLate(t testing.TB) {
	s, r, clock := fixture(t, "a.test. 60 TXT x", dnscache.Options{Timeout: 3 * time.Second})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	clock.advance(61 * time.Second)
	s.SetFault("a.test", "TXT", dnstest.Delay(1500*time.Millisecond))
	start := time.Now()
	a := r.Lookup(t.Context(), "a.test", dnscache.TXT)
	if took := time.Since(start); !a.Stale || took > 1400*time.Millisecond {
		t.Errorf("stale %v after %v", a.Stale, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if a := r.Lookup(ctx, "a.test", dnscache.TXT); !a.Stale {
		t.Errorf("a caller without time gets %v", a.Outcome)
	}
}

func TestStaleIsNotServedForWhatIsGone(t *testing.T) { undisturbed(t, staleIsNotServedForWhatIsGone) }

func staleIsNotServedForWhatIsGone(t testing.TB) {
	s, r, clock := fixture(t, "a.test. 60 TXT x", dnscache.Options{Timeout: 2 * time.Second})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	clock.advance(61 * time.Second)
	s.SetZone("b.test. 60 TXT x")
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.NXDomain {
		t.Fatal(a.Outcome)
	}
	clock.advance(2 * time.Hour)
	s.SetFault("*", "*", dnstest.ServFail)
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.ServFail {
		t.Errorf("got %v, stale %v", a.Outcome, a.Stale)
	}
}

func TestRefreshAheadOfExpiry(t *testing.T) { undisturbed(t, refreshAheadOfExpiry) }

func refreshAheadOfExpiry(t testing.TB) {
	s, r, clock := fixture(t, "a.test. 100 TXT x\nseldom.test. 100 TXT x", dnscache.Options{Timeout: 5 * time.Second})
	for range 3 {
		r.Lookup(t.Context(), "a.test", dnscache.TXT)
	}
	r.Lookup(t.Context(), "seldom.test", dnscache.TXT)
	s.Forget()
	clock.advance(89 * time.Second)
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	if n := len(s.Queries()); n != 0 {
		t.Fatalf("%d queries before the last tenth of the TTL", n)
	}
	clock.advance(2 * time.Second)
	s.SetFault("a.test", "TXT", dnstest.Delay(20*time.Millisecond))
	for range 100 {
		if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); !a.Cached || a.Stale {
			t.Fatalf("cached %v", a.Cached)
		}
	}
	r.Lookup(t.Context(), "seldom.test", dnscache.TXT)
	eventually(t, func() bool { return r.Stats().InFlight == 0 && r.Stats().Refreshed > 0 })
	clock.advance(50 * time.Second)
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); !a.Cached || a.Stale {
		t.Errorf("after its first expiry: cached %v, stale %v", a.Cached, a.Stale)
	}
	if q := s.Queries(); len(q) != 1 || q[0].Name != "a.test" {
		t.Errorf("queries %v", q)
	}
}

func TestFailedRefreshKeepsWhatIsFresh(t *testing.T) { undisturbed(t, failedRefreshKeepsWhatIsFresh) }

func failedRefreshKeepsWhatIsFresh(t testing.TB) {
	s, r, clock := fixture(t, "a.test. 100 TXT x", dnscache.Options{})
	for range 3 {
		r.Lookup(t.Context(), "a.test", dnscache.TXT)
	}
	s.SetFault("*", "*", dnstest.ServFail)
	clock.advance(95 * time.Second)
	for range 10 {
		if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || a.Stale {
			t.Fatalf("%v, stale %v", a.Outcome, a.Stale)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestNothingBelowNXDomain(t *testing.T) { undisturbed(t, nothingBelowNXDomain) }

func nothingBelowNXDomain(t testing.TB) {
	const zone = `
example.test. IN SOA ns.test. hm.test. 1 2 3 4 60
k._domainkey.example.test. TXT key
$FAULT * * AD
$FAULT broken.test * SERVFAIL
away.example.test. CNAME gone.example.test.
`
	s, r, clock := fixture(t, zone, dnscache.Options{})
	if a := r.Lookup(t.Context(), "none.example.test", dnscache.A); a.Outcome != dnscache.NXDomain || a.Cached {
		t.Fatal(a.Outcome)
	}
	s.Forget()
	for _, ask := range []string{"none.example.test", "a.none.example.test", "_dmarc.b.a.NONE.example.test."} {
		for _, typ := range []dnscache.Type{dnscache.A, dnscache.TXT, dnscache.MX} {
			if a := r.Lookup(t.Context(), ask, typ); a.Outcome != dnscache.NXDomain || !a.Cached {
				t.Errorf("%s %v: %v, cached %v", ask, typ, a.Outcome, a.Cached)
			}
		}
	}
	if q := s.Queries(); len(q) != 0 {
		t.Errorf("asked %v", q)
	}
	for _, ask := range []string{"anone.example.test", "one.example.test"} {
		if a := r.Lookup(t.Context(), ask, dnscache.A); a.Cached {
			t.Errorf("%s is taken to be below none.example.test", ask)
		}
	}
	// The end of the chain does not exist. Its beginning exists.
	if a := r.Lookup(t.Context(), "away.example.test", dnscache.A); a.Outcome != dnscache.NXDomain {
		t.Error(a.Outcome)
	}
	if a := r.Lookup(t.Context(), "b.away.example.test", dnscache.A); a.Cached {
		t.Error("taken to be below an alias")
	}
	clock.advance(time.Minute)
	if a := r.Lookup(t.Context(), "a.none.example.test", dnscache.A); a.Cached {
		t.Error("NXDOMAIN has no end")
	}
}

// Servers exist that answer NXDOMAIN for _domainkey, which has names below it.
func TestKeysBelowDeniedDomainKey(t *testing.T) { undisturbed(t, keysBelowDeniedDomainKey) }

func keysBelowDeniedDomainKey(t testing.TB) {
	s, r, _ := fixture(t, "x.test. TXT x", dnscache.Options{})
	if a := r.Lookup(t.Context(), "_domainkey.example.test", dnscache.TXT); a.Outcome != dnscache.NXDomain {
		t.Fatal(a.Outcome)
	}
	s.SetZone("k._domainkey.example.test. TXT key")
	if a := r.Lookup(t.Context(), "k._domainkey.example.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("got %v", a.Outcome)
	}
	if a := r.Lookup(t.Context(), "_domainkey.example.test", dnscache.A); a.Outcome != dnscache.NXDomain || !a.Cached {
		t.Errorf("the name itself: %v, cached %v", a.Outcome, a.Cached)
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	_, r := dnstest.Start(t, "a.test. TXT x")
	ctx := context.Background()
	for _, name := range []string{"a.test", "A.Test.", "none.test", "a.b.none.test"} {
		r.Lookup(ctx, name, dnscache.TXT)
		if n := testing.AllocsPerRun(1000, func() { r.Lookup(ctx, name, dnscache.TXT) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// An NXDOMAIN without proof by DNSSEC speaks of its own name alone.
func TestUnprovenNXDomainSpeaksForItself(t *testing.T) {
	undisturbed(t, unprovenNXDomainSpeaksForItself)
}

func unprovenNXDomainSpeaksForItself(t testing.TB) {
	_, r, _ := fixture(t, `a.none.test. TXT here`, dnscache.Options{})
	r.Lookup(t.Context(), "nothing.none.test", dnscache.TXT)
	if a := r.Lookup(t.Context(), "b.nothing.none.test", dnscache.TXT); a.Cached {
		t.Error("answered from an NXDOMAIN above, without proof")
	}
	if a := r.Lookup(t.Context(), "nothing.none.test", dnscache.MX); !a.Cached || a.Outcome != dnscache.NXDomain {
		t.Errorf("another type of the same name: %v, cached %v", a.Outcome, a.Cached)
	}
}
