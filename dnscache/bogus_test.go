package dnscache_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// signedRoot is the root as a validating resolver answers for it.
const signedRoot = ". NS ns.test.\n$FAULT . NS AD\n"

// A trusted upstream that says by an extended error that validation failed has the last
// word. Other errors say nothing about validation.
func TestBogus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   uint16
		bogus  bool
		reason string
	}{
		{6, true, "DNSSEC validation failed (DNSSEC Bogus: as the test??? wants)"},
		{7, true, "DNSSEC validation failed (Signature Expired: as the test??? wants)"},
		{8, true, "DNSSEC validation failed (Signature Not Yet Valid: as the test??? wants)"},
		{9, true, "DNSSEC validation failed (DNSKEY Missing: as the test??? wants)"},
		{10, true, "DNSSEC validation failed (RRSIGs Missing: as the test??? wants)"},
		{5, false, "servfail"},
		{11, false, "servfail"},
		{22, false, "servfail"},
	} {
		runUndisturbed(t, fmt.Sprint(c.code), func(t testing.TB) {
			ss, addrs := servers(t, fmt.Sprintf("x.test. TXT x\n$FAULT a.test * SERVFAIL,EDE:%d", c.code), "a.test. TXT forged")
			ss[1].SetDelay(time.Second)
			alone := resolver(t, dnscache.Options{Upstreams: addrs[:1], Timeout: 20 * time.Second})
			alone.Lookup(t.Context(), "x.test", dnscache.TXT)
			a := alone.Lookup(t.Context(), "a.test", dnscache.TXT)
			if a.Outcome != dnscache.ServFail || a.Bogus() != c.bogus || a.Reason() != c.reason || a.Cause != dnscache.CauseName {
				t.Errorf("alone: %v, bogus %v, %v, %q", a.Outcome, a.Bogus(), a.Cause, a.Reason())
			}
			if a := alone.Lookup(t.Context(), "a.test", dnscache.TXT); a.Bogus() != c.bogus || !a.Cached {
				t.Errorf("again: bogus %v, cached %v", a.Bogus(), a.Cached)
			}
			both := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 20 * time.Second, AttemptTimeout: 10 * time.Second})
			a = both.Lookup(t.Context(), "a.test", dnscache.TXT)
			if a.Bogus() != c.bogus || (a.Outcome == dnscache.Found) == c.bogus {
				t.Errorf("both: %v, bogus %v", a.Outcome, a.Bogus())
			}
			if n := asked(ss[1], "a.test"); c.bogus && a.Outcome == dnscache.Found {
				t.Errorf("the second was asked %d times, and believed", n)
			}
		})
	}
}

// The word of an upstream that is not trusted is only one of several.
func TestBogusOfAStranger(t *testing.T) { undisturbed(t, bogusOfAStranger) }

func bogusOfAStranger(t testing.TB) {
	_, addrs := servers(t, "$FAULT * * SERVFAIL,EDE:6", "a.test. TXT x")
	r := resolver(t, dnscache.Options{Upstreams: addrs, TrustAD: dnscache.TrustNone, Timeout: 20 * time.Second})
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Errorf("%v, %v", a.Outcome, a.Err)
	}
}

// Where a resolver gives no reason, the CD bit shows whether validation failed.
func TestBogusWithoutAReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone string
		bogus      bool
		queries    int // for the name
	}{
		{"bogus", signedRoot + "a.test. TXT x\n$FAULT a.test * BOGUS", true, 3},
		{"bogus denial", signedRoot + "$FAULT a.test * BOGUS", true, 3},
		{"its servers fail", signedRoot + "$FAULT a.test * SERVFAIL", false, 2},
		{"no validation", ". NS ns.test.\na.test. TXT x\n$FAULT a.test * BOGUS", false, 1},
	} {
		runUndisturbed(t, c.name, func(t testing.TB) {
			ss, addrs := servers(t, c.zone+"\nx.test. TXT x")
			r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 20 * time.Second})
			r.Lookup(t.Context(), "x.test", dnscache.TXT)
			for range 3 {
				a := r.Lookup(t.Context(), "a.test", dnscache.TXT)
				if a.Outcome != dnscache.ServFail || a.Bogus() != c.bogus || a.Cause != dnscache.CauseName {
					t.Errorf("%v, bogus %v, %v", a.Outcome, a.Bogus(), a.Cause)
				}
			}
			if n := asked(ss[0], "a.test"); n != c.queries {
				t.Errorf("%d queries, want %d", n, c.queries)
			}
		})
	}
}

// The answer of an upstream that does not validate never comes before that of one that
// does, however quick it is.
func TestHalfValidatingPair(t *testing.T) {
	t.Parallel()
	const bogus = "*.bogus.test. TXT forged\n"
	for _, reason := range []string{"", ",EDE:6"} {
		runUndisturbed(t, "reason "+reason, func(t testing.TB) {
			ss, addrs := servers(t, ". NS ns.test.\n*.test. TXT true\n"+bogus, signedRoot+"*.test. TXT true\n"+bogus)
			for i := range 30 {
				ss[1].SetFault(fmt.Sprintf("n%d.bogus.test", i), "*", dnstest.Fault("DELAY:150ms,BOGUS"+reason))
			}
			ss[1].SetFault("known.test", "*", dnstest.Authentic)
			r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 20 * time.Second, AttemptTimeout: 10 * time.Second})
			// It must have shown once that it validates.
			ss[0].SetFault("known.test", "*", dnstest.ServFail)
			if a := r.Lookup(t.Context(), "known.test", dnscache.TXT); !a.Authentic {
				t.Fatalf("%v, authentic %v", a.Outcome, a.Authentic)
			}
			var wg sync.WaitGroup
			for i := range 30 {
				wg.Go(func() {
					if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.bogus.test", i), dnscache.TXT); !a.Bogus() {
						t.Errorf("%v, %q, %v", a.Outcome, a.TXT, a.Err)
					}
					if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
						t.Errorf("%v, %v", a.Outcome, a.Err)
					}
				})
			}
			wg.Wait()
			if n := asked(ss[0], "n1.bogus.test"); n != 0 {
				t.Errorf("the other was asked %d times", n)
			}
		})
	}
}

// An upstream that does not validate answers when the one that does is away, and not when
// that one is only silent about a name.
func TestReplacementOfAValidator(t *testing.T) { undisturbed(t, replacementOfAValidator) }

func replacementOfAValidator(t testing.TB) {
	ss, addrs := servers(t, signedRoot+"*.test. TXT true\n$FAULT known.test * AD\n$FAULT slow.test * TIMEOUT", "*.test. TXT other\n. NS ns.test.")
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 2 * time.Second, AttemptTimeout: 500 * time.Millisecond})
	if a := r.Lookup(t.Context(), "known.test", dnscache.TXT); !a.Authentic {
		t.Fatalf("%v, authentic %v", a.Outcome, a.Authentic)
	}
	if a := r.Lookup(t.Context(), "slow.test", dnscache.TXT); a.Outcome != dnscache.Timeout || a.Cause != dnscache.CauseName {
		t.Errorf("%v, %v, %v", a.Outcome, a.Cause, a.TXT)
	}
	for _, f := range []dnstest.Fault{dnstest.Refuse, dnstest.ServFail, dnstest.Silent} {
		ss[0].SetFault("*", "*", f)
		ss[0].SetFault(".", "NS", f)
		if a := r.Lookup(t.Context(), "away-"+string(f)+".test", dnscache.TXT); a.Outcome != dnscache.Found || a.TXT[0] != "other" {
			t.Errorf("%s: %v, %v, %v", f, a.Outcome, a.TXT, a.Err)
		}
	}
}

// As long as nobody knows whether validation failed, an upstream that does not validate may
// not answer instead. It may if the other fails without validation too.
func TestPerhapsBogus(t *testing.T) { undisturbed(t, perhapsBogus) }

func perhapsBogus(t testing.TB) {
	_, addrs := servers(t, signedRoot+"*.test. TXT true\n$FAULT known.test * AD\n$FAULT odd.test * SERVFAIL,CDTIMEOUT\n$FAULT broken.test * SERVFAIL",
		"*.test. TXT other\n. NS ns.test.")
	r := resolver(t, dnscache.Options{Upstreams: addrs, Timeout: 2 * time.Second, AttemptTimeout: 300 * time.Millisecond})
	if a := r.Lookup(t.Context(), "known.test", dnscache.TXT); !a.Authentic {
		t.Fatalf("%v, authentic %v", a.Outcome, a.Authentic)
	}
	if a := r.Lookup(t.Context(), "odd.test", dnscache.TXT); a.Outcome != dnscache.ServFail || a.Bogus() {
		t.Errorf("nobody knows: %v, %v, bogus %v", a.Outcome, a.TXT, a.Bogus())
	}
	if a := r.Lookup(t.Context(), "broken.test", dnscache.TXT); a.Outcome != dnscache.Found || a.TXT[0] != "other" {
		t.Errorf("its servers fail: %v, %v", a.Outcome, a.Err)
	}
}
