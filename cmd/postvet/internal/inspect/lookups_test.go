package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/dnscache"
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
