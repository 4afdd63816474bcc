package dnscache_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache"
)

func TestReverseName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.10":         "10.2.0.192.in-addr.arpa",
		"255.0.0.1":          "1.0.0.255.in-addr.arpa",
		"::ffff:192.0.2.1":   "1.2.0.192.in-addr.arpa",
		"2001:db8::ab:1f":    "f.1.0.0.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		"fe80::1%eth0":       "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa",
		"2001:db8::c000:201": "1.0.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		ip := netip.MustParseAddr(in)
		got := dnscache.ReverseName(ip)
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if theirs, err := dns.ReverseAddr(ip.Unmap().WithZone("").String()); err != nil || theirs != got+"." {
			t.Errorf("%s: %s, miekg/dns says %s, %v", in, got, theirs, err)
		}
	}
	if got := dnscache.ReverseName(netip.Addr{}); got != "" {
		t.Errorf("no address has the name %q", got)
	}
}
