package result

import (
	"testing"

	"github.com/postvet/postvet/policy/dkim"
)

// RFC 6376 section 3.6.1: mail signed by a key in test mode is treated as if it were
// unsigned, whatever its signature is.
func TestCountsTesting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		testing bool
		status  dkim.Status
		want    dkim.Status
	}{
		{true, dkim.Pass, dkim.Neutral},
		{true, dkim.Fail, dkim.Neutral},
		{true, dkim.PermError, dkim.PermError},
		{false, dkim.Pass, dkim.Pass},
		{false, dkim.Fail, dkim.Fail},
	} {
		res := &Results{PartialBody: dkim.Policy}
		if got, reason := res.Counts(dkim.Result{Status: tt.status, Testing: tt.testing}); got != tt.want || (got != tt.status) == (reason == "") {
			t.Errorf("%s, testing %v: %s (%s), want %s", tt.status, tt.testing, got, reason, tt.want)
		}
	}
}
