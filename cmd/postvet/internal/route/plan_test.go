package route

import (
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/plantest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestPlans: the records of a plan are published together, up to the first step that has to
// wait. Their findings are gone then, and nothing is wrong that was right.
func TestPlans(t *testing.T) {
	t.Parallel()
	n := plantest.EachFile(t, func(t *testing.T, file string) int {
		zone, address := readSetup(t, file)
		return publishPlan(t, zone, address)
	})
	if n < 20 {
		t.Errorf("only %d records were published", n)
	}
}

// publishPlan publishes the plan of a report, and returns the number of records.
func publishPlan(t *testing.T, zone, address string) int {
	t.Helper()
	report := func(zone string) *Report {
		_, resolver := dnstest.StartAt(t, zone, clock)
		r, err := Find(t.Context(), resolver, address, Options{Now: clock, Plan: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := report(zone)
	if before.Plan == nil {
		return 0
	}
	zone, made := plantest.Publish(t, zone, before.Plan)
	if len(made) > 0 {
		plantest.Mended(t, before.lists(), report(zone).lists(), made)
	}
	if t.Failed() {
		t.Log(zone)
	}
	return len(made)
}
