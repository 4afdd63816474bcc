package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// crowded is a domain whose reverse zones have more names than are looked up.
type crowded struct{}

func (crowded) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	a := &dnscache.Answer{Outcome: dnscache.NoData}
	var host int
	switch {
	case t == dnscache.MX:
		for i := range route.MaxHosts {
			a.MX = append(a.MX, dnscache.Exchange{Preference: uint16(i), Host: fmt.Sprintf("mx%d.example", i)})
		}
	case t == dnscache.A && strings.HasPrefix(name, "mx"):
		_, _ = fmt.Sscanf(name, "mx%d", &host)
		for i := range route.MaxAddresses {
			a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte{198, 51, byte(host), byte(i)}))
		}
	case t == dnscache.PTR:
		for i := range 10 {
			a.Names = append(a.Names, fmt.Sprintf("n%d.%s.example", i, strings.TrimSuffix(name, ".in-addr.arpa")))
		}
	}
	if len(a.MX)+len(a.Addrs)+len(a.Names) > 0 {
		a.Outcome = dnscache.Found
	}
	return a
}

// TestTooManyLookups: a lookup that was not made does not count as failed.
func TestTooManyLookups(t *testing.T) {
	t.Parallel()
	r := Inspect(t.Context(), crowded{}, "crowded.example", Options{})
	if r.Lookups != lookups.Max || r.Failed != 0 {
		t.Errorf("%d of %d lookups failed", r.Failed, r.Lookups)
	}
	if n := len(r.Findings); n != 1 || !r.Findings[0].DNSFailure || !strings.Contains(r.Findings[0].Text, "more than 1000 lookups") {
		t.Errorf("%+v", r.Findings)
	}
}

// TestUnknownKeys: without an answer for the name above all keys, a domain without a key that
// was found is not called sound.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	const sound = "b.example. MX 10 mx.b.example.\nmx.b.example. A 185.0.2.1\n1.2.0.185.in-addr.arpa. PTR mx.b.example.\nb.example. TXT \"v=spf1 mx -all\"\n" + wide
	for _, c := range []struct {
		fault string
		want  finding.Verdict
	}{
		{"", finding.Sound},
		{"$FAULT _domainkey.b.example TXT SERVFAIL\n", finding.Undetermined},
		{"x._domainkey.b.example. TXT hello\n$FAULT " + noSelector + "._domainkey.b.example TXT SERVFAIL\n", finding.Undetermined},
		{"s1._domainkey.b.example. TXT \"v=DKIM1; " + rsaKey + "\"\n$FAULT _domainkey.b.example TXT SERVFAIL\n", finding.Sound},
	} {
		_, resolver := dnstest.Start(t, sound+c.fault)
		r := Inspect(t.Context(), resolver, "b.example", Options{})
		if r.State != c.want {
			t.Errorf("%q: %s, want %s: %+v", c.fault, r.State, c.want, r.DKIM.Findings)
		}
	}
}
