package dnscache_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// halfValidating returns a resolver with two upstreams, the second of which does not validate
// and has forged records. The faults are those of the first.
func halfValidating(t testing.TB, faults string) (*dnstest.Server, *dnscache.Resolver) {
	t.Helper()
	const records = ". NS ns.test.\n*.test. TXT true\n*.bad.test. TXT true\n*.bogus.test. TXT true\n*.good.test. TXT true\n"
	ss, addrs := servers(t, records+"$FAULT . NS AD\n"+faults, strings.ReplaceAll(records, "true", "forged"))
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 3 * time.Second, AttemptTimeout: 500 * time.Millisecond})
	return ss[0], r
}

// A sender with names whose servers are silent, or that the upstream refuses, does not bring
// about that another one, which does not validate, is asked first.
func TestBackOffOfAValidator(t *testing.T) {
	t.Parallel()
	for _, f := range []dnstest.Fault{dnstest.Silent, dnstest.Refuse} {
		runUndisturbed(t, string(f), func(t testing.TB) {
			_, r := halfValidating(t, "$FAULT *.bad.test * "+string(f)+"\n$FAULT *.bogus.test * BOGUS,EDE:6")
			for i := range 4 {
				if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.bad.test", i), dnscache.TXT); a.Outcome == dnscache.Found || a.Cause != dnscache.CauseName {
					t.Errorf("%v, %q, %v, %v", a.Outcome, a.TXT, a.Cause, a.Err)
				}
			}
			if !r.Stats().Upstreams[0].BackOff {
				t.Error("the upstream is not in back-off: this shows nothing")
			}
			if a := r.Lookup(t.Context(), "a.bogus.test", dnscache.TXT); !a.Bogus() {
				t.Errorf("%v, %q, %v", a.Outcome, a.TXT, a.Err)
			}
		})
	}
}

// While the only upstream that validates refuses, fails or drops questions for its quota, one
// that does not validate is not asked instead.
func TestQuotaOfTheOnlyValidator(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]dnstest.Quota{
		"REFUSED":          {Most: 30, Fault: dnstest.Refuse},
		"SERVFAIL":         {Most: 30, Fault: dnstest.ServFail},
		"SERVFAIL, cached": {Most: 30, Fault: dnstest.ServFail, Keep: time.Second},
		"silence":          {Most: 30, Fault: dnstest.Silent},
	} {
		runUndisturbed(t, name, func(t testing.TB) {
			s, r := halfValidating(t, "$FAULT *.bogus.test * DELAY:10ms,BOGUS\n$FAULT *.good.test * DELAY:10ms,AD")
			if a := r.Lookup(t.Context(), "before.good.test", dnscache.TXT); a.Outcome != dnscache.Found {
				t.Fatalf("%v, %v", a.Outcome, a.Err)
			}
			s.SetQuota(q)
			var wg sync.WaitGroup
			for i := range 200 {
				for _, zone := range []string{"bogus.test", "good.test"} {
					wg.Go(func() {
						a := r.Lookup(dnscache.Group(t.Context()), fmt.Sprintf("n%d.%s", i, zone), dnscache.TXT)
						if a.Outcome == dnscache.Found && (zone == "bogus.test" || a.TXT[0] != "true") {
							t.Errorf("n%d.%s: %q", i, zone, a.TXT)
						}
					})
				}
			}
			wg.Wait()
			if s.OverQuota() == 0 {
				t.Error("no question was above the quota: this shows nothing")
			}
		})
	}
}

// The first question already goes to the upstream that validates.
func TestValidatorIsKnownFromTheStart(t *testing.T) { undisturbed(t, validatorIsKnownFromTheStart) }

func validatorIsKnownFromTheStart(t testing.TB) {
	for range 10 {
		_, r := halfValidating(t, "$FAULT *.bogus.test * DELAY:200ms,BOGUS,EDE:6")
		if a := r.Lookup(t.Context(), "a.bogus.test", dnscache.TXT); !a.Bogus() {
			t.Errorf("%v, %q, %v", a.Outcome, a.TXT, a.Err)
		}
	}
}

// A silent name is one while another upstream is away: the failure of that one does not make
// it a failure of the resolvers, which would be asked again and again.
func TestSilentNameWhileOneIsAway(t *testing.T) { undisturbed(t, silentNameWhileOneIsAway) }

func silentNameWhileOneIsAway(t testing.TB) {
	_, addrs := servers(t, ". NS ns.test.\n*.test. TXT x\n*.bad.test. TXT x\n$FAULT *.bad.test * TIMEOUT")
	r := resolver(t, dnscache.Options{Upstreams: []string{nobody(t), addrs[0]}, Timeout: 2 * time.Second, AttemptTimeout: 300 * time.Millisecond})
	for i := range 3 {
		if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Errorf("%v, %v", a.Outcome, a.Err)
		}
	}
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.bad.test", i), dnscache.TXT); a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseName {
				t.Errorf("%v, %v, %v", a.Outcome, a.Cause, a.Err)
			}
		})
	}
	wg.Wait()
}
