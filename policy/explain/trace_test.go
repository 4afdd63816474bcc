package explain

import (
	"testing"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// TestTraceWithoutSteps: the journal keeps no steps of SPF. What decided stands there
// nevertheless, and no colon without a reason behind it.
func TestTraceWithoutSteps(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]spf.Result{
		"fail, decided by -all":              {Status: spf.Fail, Domain: "a.example", Mechanism: "-all"},
		"none: a.example does not exist":     {Status: spf.None, Domain: "a.example", Reason: "a.example does not exist"},
		"neutral":                            {Status: spf.Neutral, Domain: "a.example", Mechanism: "default"},
		"permerror, decided by exists:%{: x": {Status: spf.PermError, Domain: "a.example", Mechanism: "exists:%{", Reason: "x"},
	} {
		r.Identity = spf.MailFrom
		var tr trace
		tr.spf(&result.Results{}, r)
		if len(tr.events) != 1 || tr.events[0].Text != want {
			t.Errorf("%+v, want %q", tr.events, want)
		}
	}
}
