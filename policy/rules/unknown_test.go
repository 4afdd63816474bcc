package rules_test

import (
	"testing"
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Mail of a domain whose policy cannot be looked up is deferred for some hours, and for
// ever if the policy does not pass DNSSEC validation.
func TestUnknownPolicyDefers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	failing := func(d time.Duration) *dmarc.Unknown { return &dmarc.Unknown{Since: now.Add(-d)} }
	const (
		deferred = "tempfail 451 4.4.3 temperror"
		accepted = "accept temperror"
	)
	for _, tt := range []struct {
		name    string
		unknown *dmarc.Unknown
		rules   rules.Rules
		client  result.ClientResult
		want    string
	}{
		{"now", failing(0), rules.Rules{}, result.ClientResult{}, deferred},
		{"for hours", failing(4*time.Hour - time.Second), rules.Rules{}, result.ClientResult{}, deferred},
		{"for longer", failing(4 * time.Hour), rules.Rules{}, result.ClientResult{}, accepted},
		{"for longer, and all is deferred", failing(4 * time.Hour), rules.Rules{OnTempError: rules.TempErrorDefer}, result.ClientResult{}, deferred},
		{"nobody knows since when", &dmarc.Unknown{}, rules.Rules{}, result.ClientResult{}, deferred},
		{"bogus", &dmarc.Unknown{Bogus: true, Since: now}, rules.Rules{}, result.ClientResult{}, deferred},
		{"bogus for days", &dmarc.Unknown{Bogus: true, Since: now.Add(-72 * time.Hour)}, rules.Rules{}, result.ClientResult{}, deferred},
		{"the policy is known", nil, rules.Rules{}, result.ClientResult{}, accepted},
		{"bogus, from inside", &dmarc.Unknown{Bogus: true}, rules.Rules{}, result.ClientResult{Inside: true}, accepted},
		{"bogus, and policies are only noted", &dmarc.Unknown{Bogus: true}, rules.Rules{DMARC: rules.DMARCMark}, result.ClientResult{}, "accept temperror; policy.dmarc (mark)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := &result.Results{Arrived: now, Client: tt.client, DMARC: dmarc.Result{Status: dmarc.TempError, AuthorDomain: "a.example", Unknown: tt.unknown}}
			if got := outcome(tt.rules.Decide(res)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
