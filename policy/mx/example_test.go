package mx_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/mx"
)

// records is a resolver with MX and A records.
type records struct {
	mx map[string][]dnscache.Exchange
	a  map[string][]netip.Addr
}

func (r records) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	exchanges, addrs := r.mx[name], r.a[name]
	switch {
	case t == dnscache.MX && exchanges != nil:
		return &dnscache.Answer{Outcome: dnscache.Found, MX: exchanges}
	case t == dnscache.A && addrs != nil:
		return &dnscache.Answer{Outcome: dnscache.Found, Addrs: addrs}
	case exchanges != nil || addrs != nil:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

func Example() {
	dns := records{
		mx: map[string][]dnscache.Exchange{
			"example.org":      {{Preference: 10, Host: "mx.example.org"}},
			"news.example.org": {{Preference: 0, Host: ""}},                  // "." in the zone: no mail (RFC 7505)
			"old.example.org":  {{Preference: 10, Host: "gone.example.org"}}, // which no longer exists
		},
		a: map[string][]netip.Addr{"mx.example.org": {netip.MustParseAddr("192.0.2.25")}},
	}
	for _, domain := range []string{"example.org", "news.example.org", "old.example.org", "example.invalid"} {
		r := mx.Check(context.Background(), dns, domain)
		fmt.Printf("%s: %s %q\n", r.Domain, r.Status, r.Reason)
	}
	// Output:
	// example.org: accepts "exchanger mx.example.org"
	// news.example.org: null-mx "null MX record"
	// old.example.org: no-address "no exchanger has an address"
	// example.invalid: no-domain "no such domain"
}
