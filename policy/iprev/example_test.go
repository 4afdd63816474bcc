package iprev_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/iprev"
)

// zone is a resolver with PTR records for reverse names and A records for hosts.
type zone struct {
	ptr map[string][]string
	a   map[string][]netip.Addr
}

func (z zone) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	names, addrs := z.ptr[name], z.a[name]
	switch {
	case t == dnscache.PTR && names != nil:
		return &dnscache.Answer{Outcome: dnscache.Found, Names: names}
	case t == dnscache.A && addrs != nil:
		return &dnscache.Answer{Outcome: dnscache.Found, Addrs: addrs}
	case names != nil || addrs != nil:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

func Example() {
	dns := zone{
		ptr: map[string][]string{
			"25.2.0.192.in-addr.arpa": {"mx.example.org"},
			"26.2.0.192.in-addr.arpa": {"mx.example.org"}, // which has another address
		},
		a: map[string][]netip.Addr{"mx.example.org": {netip.MustParseAddr("192.0.2.25")}},
	}
	for _, ip := range []string{"192.0.2.25", "192.0.2.26", "192.0.2.27"} {
		r := iprev.Check(context.Background(), dns, netip.MustParseAddr(ip))
		fmt.Printf("%s: %s %q %q\n", ip, r.Status, r.Name, r.Reason)
	}
	// Output:
	// 192.0.2.25: pass "mx.example.org" "mx.example.org leads back to 192.0.2.25"
	// 192.0.2.26: fail "" "no name of the PTR records leads back to 192.0.2.26"
	// 192.0.2.27: permerror "" "no PTR record"
}
