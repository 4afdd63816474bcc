package dnscache_test

import (
	"context"
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

// lookUp looks up so many names at once, each in a group of its own, and fails the test for
// each that is not found.
func lookUp(t testing.TB, r *dnscache.Resolver, prefix string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("%s%d.zone%d.test", prefix, i, i%50)
			if a := r.Lookup(dnscache.Group(t.Context()), name, dnscache.TXT); a.Outcome != dnscache.Found {
				t.Errorf("%s: %v, %v", name, a.Outcome, a.Err)
			}
		})
	}
	wg.Wait()
}

// A burst far above the quota of the resolver is answered, whether the resolver refuses
// what is too much, as dnsmasq and CoreDNS do, fails it and keeps that, as named does, or
// drops it.
func TestQuota(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]dnstest.Quota{
		"REFUSED":          {Most: 30, Fault: dnstest.Refuse},
		"SERVFAIL":         {Most: 30, Fault: dnstest.ServFail},
		"SERVFAIL, cached": {Most: 30, Fault: dnstest.ServFail, Keep: time.Second},
		"silence":          {Most: 30, Fault: dnstest.Silent},
	} {
		runUndisturbed(t, name, func(t testing.TB) {
			core, logs := observer.New(zap.InfoLevel)
			s, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * DELAY:5ms", dnscache.Options{Timeout: 20 * time.Second, AttemptTimeout: time.Second, Logger: zap.New(core)})
			lookUp(t, r, "before", 10)
			s.SetQuota(q)
			lookUp(t, r, "burst", 400)
			if s.OverQuota() == 0 {
				t.Fatal("no question was above the quota: this shows nothing")
			}
			if n := s.MostAtATime(); n > q.Most {
				t.Fatalf("%d at a time", n)
			}
			if q.Fault == dnstest.Silent {
				return // queries that are sent again may have done it
			}
			u := r.Stats().Upstreams[0]
			if u.Limit == 0 || u.Limit > 300 {
				t.Errorf("limit %d", u.Limit)
			}
			if (q.Fault == dnstest.Refuse) != (u.Refused > 0) {
				t.Errorf("%d refused", u.Refused)
			}
			if n := logs.FilterMessageSnippet("seems to have a quota").Len(); n != 1 {
				t.Errorf("said so %d times", n)
			}
		})
	}
}

// A resolver that validates and keeps the SERVFAIL of a quota answers the same question
// without validation meanwhile. That does not show that the records are forged.
func TestQuotaOfAValidator(t *testing.T) { undisturbed(t, quotaOfAValidator) }

func quotaOfAValidator(t testing.TB) {
	s, r, _ := fixture(t, ". NS ns.test.\n*.test. TXT x\n$FAULT * * AD,DELAY:5ms", dnscache.Options{Timeout: 20 * time.Second})
	lookUp(t, r, "before", 10)
	s.SetQuota(dnstest.Quota{Most: 30, Fault: dnstest.ServFail, Keep: time.Second})
	lookUp(t, r, "burst", 200)
	if s.OverQuota() == 0 {
		t.Fatal("no question was above the quota: this shows nothing")
	}
}

// Without a quota there is no limit, whatever is asked at once, and whether packets are
// lost, names fail, or all names do.
func TestNoQuota(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]string{
		"healthy":        "$FAULT * * DELAY:5ms",
		"loss":           "$FAULT * * DELAY:1ms,LOSS:30",
		"some fail":      "$FAULT * * DELAY:1ms,FAIL:10",
		"both":           "$FAULT * * DELAY:1ms,LOSS:30,FAIL:10",
		"few in flight":  "$FAULT *.bad.test * REFUSED",
		"all fail":       "$FAULT * * SERVFAIL",
		"all are silent": "$FAULT * * TIMEOUT",
	} {
		runUndisturbed(t, name, func(t testing.TB) {
			o := dnscache.Options{Timeout: 30 * time.Second, AttemptTimeout: 10 * time.Second} // a busy machine is not silent
			if strings.HasPrefix(name, "all ") {
				o = dnscache.Options{Timeout: 2 * time.Second, AttemptTimeout: 500 * time.Millisecond}
			}
			n := 200
			if name == "few in flight" {
				n = 6
			}
			// On a machine that is busy with other work, chance losses may come together and look
			// like a quota, but not again and again.
			const tries = 3
			for try := 1; ; try++ {
				u := flood(t, "*.test. TXT x\n*.bad.test. TXT x\n"+faults, o, n)
				if u.Limit == 0 && u.Waited == 0 {
					return
				}
				t.Logf("limit %d, %d waited", u.Limit, u.Waited)
				if try == tries || name != "loss" && name != "both" {
					t.Fatalf("a limit after %d tries", try)
				}
			}
		})
	}
}

// flood looks up so many names of each kind at a time, and returns the figures of the
// upstream.
func flood(t testing.TB, zone string, o dnscache.Options, n int) dnscache.UpstreamStats {
	t.Helper()
	_, r, _ := fixture(t, zone, o)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r.Lookup(t.Context(), fmt.Sprintf("n%d.z%d.test", i, i), dnscache.TXT)
			r.Lookup(t.Context(), fmt.Sprintf("n%d.bad.test", i), dnscache.TXT)
		})
	}
	wg.Wait()
	u := r.Stats().Upstreams[0]
	eventually(t, func() bool { return r.Stats().Upstreams[0].InFlight == 0 })
	return u
}

// A lookup whose turn does not come in time says nothing about its name, and is not kept.
func TestWaitForATurnEnds(t *testing.T) { undisturbed(t, waitForATurnEnds) }

func waitForATurnEnds(t testing.TB) {
	_, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * DELAY:250ms", dnscache.Options{Timeout: 300 * time.Millisecond})
	r.Limit(1)
	var wg sync.WaitGroup
	outcomes := make([]*dnscache.Answer, 200)
	for i := range outcomes {
		wg.Go(func() {
			outcomes[i] = r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
		})
	}
	wg.Wait()
	late, waited := 0, 0
	for _, a := range outcomes {
		if a.Outcome.Known() {
			continue
		}
		late++
		if a.Reason() == "too many questions wait for the resolver" {
			waited++
		}
		if a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseResolver {
			t.Errorf("%v, cause %v, %v", a.Outcome, a.Cause, a.Err)
		}
	}
	if waited == 0 {
		t.Fatalf("of %d late ones none waited for its turn: this shows nothing", late)
	}
	if r.Degraded() || r.Stats().Entries > len(outcomes)-late+1 {
		t.Errorf("degraded: %v, %d kept of %d answered", r.Degraded(), r.Stats().Entries, len(outcomes)-late)
	}
}

// Many questions of one message do not keep another message's from their turn.
func TestTurnsOfMessages(t *testing.T) { undisturbed(t, turnsOfMessages) }

func turnsOfMessages(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * DELAY:10ms", dnscache.Options{Timeout: 20 * time.Second})
	r.Limit(2)
	greedy := dnscache.Group(t.Context())
	ctx, cancel := context.WithCancel(greedy)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { r.Lookup(ctx, fmt.Sprintf("greedy%d.test", i), dnscache.TXT) })
	}
	eventually(t, func() bool { return r.Stats().Upstreams[0].Waited >= 150 })
	if a := r.Lookup(dnscache.Group(t.Context()), "modest.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("%v, %v", a.Outcome, a.Err)
	}
	before := 0
	for _, q := range s.Queries() {
		if q.Name == "modest.test" {
			break
		}
		before++
	}
	if before > 150 {
		t.Errorf("%d questions of the other message came first", before)
	}
	wg.Wait()
}
