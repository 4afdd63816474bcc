package spf_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/spf"
)

// texts is a resolver with only TXT records.
type texts map[string]string

func (d texts) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	txt, ok := d[name]
	switch {
	case !ok:
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	case t != dnscache.TXT:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}}
}

func Example() {
	dns := texts{
		"example.org":           "v=spf1 include:_spf.provider.example -all exp=why.example.org",
		"_spf.provider.example": "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
		"why.example.org":       "%{i} is none of our servers",
		"broken.example.org":    "v=spf1 ipv4:192.0.2.1 -all",
	}
	check := func(ip, sender string) {
		r := spf.Check(context.Background(), dns, spf.Query{
			IP: netip.MustParseAddr(ip), Helo: "mx.provider.example", Sender: sender,
		}, spf.Options{})
		fmt.Printf("%s: %s %q %q\n", r.Domain, r.Status, r.Mechanism, r.Explanation+r.Reason)
	}
	check("2001:db8::25", "joe@example.org")
	check("198.51.100.7", "joe@example.org")
	check("192.0.2.25", "joe@broken.example.org")
	// Output:
	// example.org: pass "include:_spf.provider.example" ""
	// example.org: fail "-all" "198.51.100.7 is none of our servers"
	// broken.example.org: permerror "" "the SPF record of broken.example.org is wrong: term 1 (ipv4:192.0.2.1): there is no such mechanism; addresses are written ip4: or ip6:"
}
