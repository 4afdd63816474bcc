package dnscache_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestDuplicates: RFC 2181 section 5. A server that repeats its records says no more
// than one that does not.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	const (
		once = `
r.test. TXT "v=x; a=1"
r.test. TXT "v=x; A=1"
r.test. TXT "v=x; " "a=1"
r.test. A 198.51.100.7
r.test. A 198.51.100.6
r.test. AAAA 2001:db8::7
r.test. MX 5 in.r.test.
r.test. MX 6 in.r.test.
r.test. NS ns.r.test.
7.100.51.198.in-addr.arpa. PTR r.test.
7.100.51.198.in-addr.arpa. PTR q.test.
d.test. CNAME r.test.
`
		more = `r.test. MX 5 IN.R.test.
r.test. NS Ns.r.test.
7.100.51.198.in-addr.arpa. PTR Q.test.
`
	)
	questions := []dnscache.Question{
		{Name: "r.test", Type: dnscache.TXT},
		{Name: "r.test", Type: dnscache.A},
		{Name: "r.test", Type: dnscache.AAAA},
		{Name: "r.test", Type: dnscache.MX},
		{Name: "r.test", Type: dnscache.NS},
		{Name: "d.test", Type: dnscache.TXT},
		{Name: "7.100.51.198.in-addr.arpa", Type: dnscache.PTR},
	}
	_, plain := dnstest.Start(t, once)
	_, repeated := dnstest.Start(t, once+once[:strings.Index(once, "d.test.")]+more)
	for _, q := range questions {
		want, got := plain.Lookup(t.Context(), q.Name, q.Type), repeated.Lookup(t.Context(), q.Name, q.Type)
		if want.Outcome != dnscache.Found {
			t.Errorf("%v: %s", q, want.Outcome)
		}
		if d := cmp.Diff(want, got, said); d != "" {
			t.Errorf("%v: %s", q, d)
		}
	}
	// Texts that differ in their strings or letters are not the same record.
	if a := repeated.Lookup(t.Context(), "r.test", dnscache.TXT); len(a.TXT) != 3 {
		t.Errorf("texts %q", a.TXT)
	}
}

// TestManyDuplicates: what is kept of hundreds of equal records is one.
func TestManyDuplicates(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	for i := range 300 {
		zone.WriteString("many.test. A 203.0.113." + strconv.Itoa(i%3) + "\n")
	}
	_, r := dnstest.Start(t, zone.String())
	a := r.Lookup(t.Context(), "many.test", dnscache.A)
	if len(a.Addrs) != 3 || cap(a.Addrs) != 3 {
		t.Errorf("%d addresses, room for %d, %v", len(a.Addrs), cap(a.Addrs), a.Err)
	}
}
