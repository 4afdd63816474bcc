package dnscache_test

import (
	"fmt"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestADOfAStrangerIsDropped(t *testing.T) { undisturbed(t, aDOfAStrangerIsDropped) }

func aDOfAStrangerIsDropped(t testing.TB) {
	_, r := dnstest.Start(t, zone)
	r.Distrust()
	if a := r.Lookup(t.Context(), "ad.example.test", dnscache.TXT); a.Outcome != dnscache.Found || a.Authentic {
		t.Errorf("%v, authentic %v", a.Outcome, a.Authentic)
	}
}

func TestChainIsAuthenticOnlyThroughout(t *testing.T) { undisturbed(t, chainIsAuthenticOnlyThroughout) }

func chainIsAuthenticOnlyThroughout(t testing.TB) {
	_, r := dnstest.Start(t, `
a.test. CNAME b.test.
b.test. CNAME c.test.
c.test. TXT x
$FAULT a.test * PARTIAL,AD
$FAULT b.test * PARTIAL
$FAULT c.test * AD`)
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || a.Authentic {
		t.Errorf("%v, authentic %v", a.Outcome, a.Authentic)
	}
	if a := r.Lookup(t.Context(), "c.test", dnscache.TXT); !a.Authentic {
		t.Error("AD is lost")
	}
}

// A response that repeats the question in another case is checked over TCP. A server
// that changes the case there too is asked in lower case from then on.
func TestRandomCase(t *testing.T) { undisturbed(t, randomCase) }

func randomCase(t testing.TB) {
	s, r := dnstest.Start(t, "*.test. MX 10 a-name-with-letters.test.\n")
	r.Distrust()
	for i := range 10 {
		a := r.Lookup(t.Context(), fmt.Sprintf("keeps-letters-%d.test", i), dnscache.MX)
		if a.Outcome != dnscache.Found || a.MX[0].Host != "a-name-with-letters.test" {
			t.Fatalf("%v, %v", a.Outcome, a.MX)
		}
	}
	if n := len(s.Queries()); n != 10 || !r.MixesCase() {
		t.Errorf("%d queries, mixes %v", n, r.MixesCase())
	}
	s.SetFault("*", "*", dnstest.LowerCase)
	s.Forget()
	for i := range 10 {
		if a := r.Lookup(t.Context(), fmt.Sprintf("a-server-that-folds-%d.test", i), dnscache.MX); a.Outcome != dnscache.Found {
			t.Fatal(a.Outcome, a.Err)
		}
	}
	if n := len(s.Queries()); n != 11 || r.MixesCase() {
		t.Errorf("%d queries, mixes %v", n, r.MixesCase())
	}
}

// A forged response with the right name in the wrong case is not believed.
func TestForgedCase(t *testing.T) { undisturbed(t, forgedCase) }

func forgedCase(t testing.TB) {
	s, r := dnstest.Start(t, "a-name-with-many-letters.test. TXT true")
	r.Distrust()
	s.SetFault("*", "*", dnstest.ForgedCase)
	if a := r.Lookup(t.Context(), "a-name-with-many-letters.test", dnscache.TXT); a.Outcome != dnscache.Found || !r.MixesCase() {
		t.Errorf("%v, mixes %v", a.Outcome, r.MixesCase())
	}
}
