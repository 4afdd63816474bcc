package policy_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// forgetful is a resolver that has forgotten some of what it knows.
type forgetful struct {
	*dnscache.Resolver
	forgot func(name string, t dnscache.Type) bool
	asked  atomic.Int32
}

func (f *forgetful) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall == nil {
		f.asked.Add(1)
	} else if f.forgot(name, t) {
		return recall.Miss()
	}
	return f.Resolver.Lookup(ctx, name, t)
}

// The results do not depend on what the cache knows when a message comes;
// and if it knows all, nothing is waited for.
func TestResultsDoNotDependOnTheCache(t *testing.T) {
	t.Parallel()
	g, h := usual(t, "Hello\r\n")
	_, r := dnstest.Start(t, g.zone)
	results := func(forgot func(string, dnscache.Type) bool) (*result.Results, int) {
		f := &forgetful{Resolver: r, forgot: forgot}
		res := deliver(policy.NewChecker(policy.Options{Resolver: f, AuthservID: "mx.test.example"}), g, h)
		return res, int(f.asked.Load())
	}
	ignore := cmp.Options{cmpopts.IgnoreFields(result.DNSCost{}, "Lookups", "WaitMS"), cmpopts.IgnoreFields(result.Results{}, "Arrived")}
	want, asked := results(func(string, dnscache.Type) bool { return true })
	if asked == 0 {
		t.Error("a resolver that remembers nothing was asked nothing")
	}
	got, asked := results(func(string, dnscache.Type) bool { return false })
	if asked != 0 {
		t.Errorf("%d lookups although all is known", asked)
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("nothing is known, all is known (-nothing +all):\n%s", diff)
	}
	for i := range 64 {
		got, _ := results(func(name string, t dnscache.Type) bool {
			sum := fnv.New32()
			fmt.Fprint(sum, i, name, t)
			return sum.Sum32()%2 == 0
		})
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Fatalf("a part is known, number %d (-nothing +a part):\n%s", i, diff)
		}
	}
}

// How many lookups a message cost does not depend on the cache either: what a
// check was told before it missed something is not counted twice.
func TestLookupsAreCountedOnce(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
66.2.0.192.in-addr.arpa. PTR mx.client.example.
mx.client.example. A 192.0.2.66
`)
	for _, tt := range []struct {
		name   string
		forgot []string // the names
	}{
		{"nothing is known", []string{"66.2.0.192.in-addr.arpa", "mx.client.example", "_dmarc.one.example", "_dmarc.example"}},
		{"the second answer of reverse DNS is not", []string{"mx.client.example"}},
		{"the second answer of the DMARC walk is not", []string{"_dmarc.example"}},
		{"the second answers are not", []string{"mx.client.example", "_dmarc.example"}},
		{"all is known", nil},
	} {
		// One after the other: the first fills the cache.
		f := &forgetful{Resolver: r, forgot: func(name string, _ dnscache.Type) bool { return slices.Contains(tt.forgot, name) }}
		conn := policy.NewChecker(policy.Options{Resolver: f, AuthservID: "mx.test.example"}).
			Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.66")})
		msg := conn.Message(message.Sender{})
		msg.Field(message.NewField("From", " a@one.example"))
		res := msg.Finish(t.Context())
		conn.Close()
		if asked := f.asked.Load() > 0; res.DNS.Lookups != 4 || asked != (tt.forgot != nil) {
			t.Errorf("%s: %d lookups, want 4; asked %v", tt.name, res.DNS.Lookups, asked)
		}
	}
}
