package rules_test

import (
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Lookups that failed because our resolvers or this machine fail, and not the names,
// defer a message whatever its policy may be, unless DMARC passes.
func TestOurOwnFailuresDefer(t *testing.T) {
	t.Parallel()
	resolver := result.DNSCost{Lookups: 9, Failed: 2, ResolverFailed: 1}
	host := result.DNSCost{Lookups: 9, Failed: 2, HostFailed: 1}
	name := result.DNSCost{Lookups: 9, Failed: 2}
	const text = "; policy.on_degraded (our resolvers failed; lookups without an answer: 2)"
	for _, tt := range []struct {
		name   string
		cost   result.DNSCost
		status dmarc.Status
		rules  rules.Rules
		want   string
	}{
		{"resolver, no policy", resolver, dmarc.None, rules.Rules{}, "tempfail 451 4.4.3 dns-degraded" + text},
		{"resolver, undecided", resolver, dmarc.TempError, rules.Rules{}, "tempfail 451 4.4.3 dns-degraded" + text},
		{"resolver, pass", resolver, dmarc.Pass, rules.Rules{}, "accept dmarc-pass"},
		{"resolver, as always", resolver, dmarc.TempError, rules.Rules{OnDegraded: rules.DegradedJudge}, "accept temperror"},
		{"resolver, only watched", resolver, dmarc.None, rules.Rules{Mode: rules.Monitor}, "accept dns-degraded" + text + "; mode (monitor)"},
		{"host, no policy", host, dmarc.None, rules.Rules{}, "tempfail 451 4.3.0 fault"},
		{"host, pass", host, dmarc.Pass, rules.Rules{}, "accept dmarc-pass"},
		{"host, all may pass", host, dmarc.None, rules.Rules{OnFault: rules.FaultAccept}, "accept no-policy"},
		{"name", name, dmarc.TempError, rules.Rules{}, "accept temperror"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := &result.Results{DNS: tt.cost, DMARC: dmarc.Result{Status: tt.status, AuthorDomain: "a.example"}}
			if got := outcome(tt.rules.Decide(res)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
