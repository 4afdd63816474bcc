package policy_test

import (
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/result"
)

// TestExemptionEnds has clients that are exempt, or trusted as relays, until the clock
// says that their entry is over.
func TestExemptionEnds(t *testing.T) {
	t.Parallel()
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	list := func(entry string, kinds addrlist.Kind) *addrlist.List {
		var b addrlist.Builder
		b.Until(end)
		if err := b.Add(entry, kinds); err != nil {
			t.Fatal(err)
		}
		return b.List()
	}
	_, resolver := dnstest.Start(t, `1.2.0.192.in-addr.arpa. PTR mx.example.org.
mx.example.org. A 192.0.2.1
`)
	for name, tc := range map[string]struct {
		options policy.Options
		found   func(*result.Results) bool
	}{
		"an address": {policy.Options{Exempt: policy.Exempt{Addresses: list("192.0.2.1", addrlist.Addresses)}}, func(r *result.Results) bool { return r.Exempt == result.ExemptAddress }},
		"a name":     {policy.Options{Exempt: policy.Exempt{Names: list("mx.example.org", addrlist.Names)}}, func(r *result.Results) bool { return r.Exempt == result.ExemptName }},
		"a relay":    {policy.Options{Relays: list("192.0.2.1", addrlist.Addresses)}, func(r *result.Results) bool { return r.Client.Relay == "192.0.2.1" }},
	} {
		for when, want := range map[time.Duration]bool{-time.Second: true, 0: false} {
			o := tc.options
			o.Resolver, o.AuthservID = resolver, "mx.test.example"
			o.Now = func() time.Time { return end.Add(when) }
			res := converse(t, policy.NewChecker(o), sample())
			if got := tc.found(res); got != want || !res.Arrived.Equal(end.Add(when)) {
				t.Errorf("%s, %v from its end: %v, want %v (arrived %v)", name, when, got, want, res.Arrived)
			}
		}
	}
}
