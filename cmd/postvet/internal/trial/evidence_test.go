package trial

import (
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Keys that decide which evidence is found leave the outcome of failing mail open, if it rests
// on evidence.
func TestEvidenceKeysAreDoubtful(t *testing.T) {
	t.Parallel()
	fails := &result.Results{}
	fails.DMARC.Status, fails.DMARC.Disposition = dmarc.Fail, dmarc.PolicyReject
	for _, key := range []string{"trust.forwarded_recipients", "policy.observed", "policy.observed_except"} {
		for _, tt := range []struct {
			on   rules.OnReject
			res  *result.Results
			want bool
		}{
			{rules.RejectJudge, fails, true},
			{rules.RejectAlways, fails, false},
			{rules.RejectQuarantine, fails, false},
			{rules.RejectJudge, &result.Results{}, false},
		} {
			o := Recorded{After: &rules.Rules{OnReject: tt.on}}
			if got := o.doubtful(key, tt.res); got != tt.want {
				t.Errorf("%s with %s: %t, want %t", key, tt.on, got, tt.want)
			}
		}
	}
}
