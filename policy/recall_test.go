package policy_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
)

// forgetful is a resolver that has forgotten some of what it knows.
type forgetful struct {
	*dnscache.Resolver
	forgot func(name string, t dnscache.Type) bool
	asked  atomic.Int32
}

func (f *forgetful) Known(name string, t dnscache.Type) *dnscache.Answer {
	if f.forgot(name, t) {
		return nil
	}
	return f.Resolver.Known(name, t)
}

func (f *forgetful) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	f.asked.Add(1)
	return f.Resolver.Lookup(ctx, name, t)
}

// What is found does not depend on what the cache knows when a message comes;
// and if it knows all, nothing is waited for.
func TestResultsDoNotDependOnTheCache(t *testing.T) {
	t.Parallel()
	g, h := usual(t, "Hello\r\n")
	_, r := dnstest.Start(t, g.zone)
	results := func(forgot func(string, dnscache.Type) bool) (*policy.Results, int) {
		f := &forgetful{Resolver: r, forgot: forgot}
		res := deliver(policy.NewChecker(policy.Options{Resolver: f, AuthservID: "mx.test.example"}), g, h)
		return res, int(f.asked.Load())
	}
	ignore := cmpopts.IgnoreFields(policy.DNSCost{}, "Lookups", "WaitMS")
	want, asked := results(func(string, dnscache.Type) bool { return true })
	if asked == 0 {
		t.Error("a resolver that remembers nothing was asked nothing")
	}
	got, asked := results(func(string, dnscache.Type) bool { return false })
	if asked != 0 {
		t.Errorf("%d look-ups although all is known", asked)
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
