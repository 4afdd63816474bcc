package inspect

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/cmd/postvet/internal/plantest"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestPlans: the records of a plan are published, as zone files have them, by a name
// server. Their findings are gone then, nothing is wrong that was right, and a second plan
// changes none of them again.
func TestPlans(t *testing.T) {
	t.Parallel()
	n := plantest.EachFile(t, publishPlan)
	if n < 35 {
		t.Errorf("only %d records were published", n)
	}
}

// publishPlan publishes the plan of a file's report, and returns the number of records.
func publishPlan(t *testing.T, file string) int {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, f := range a.Files {
		in[f.Name] = string(f.Data)
	}
	args := strings.Fields(in["name"])
	report := func(zone string) *Report {
		_, resolver := dnstest.StartAt(t, zone, clock)
		return Inspect(t.Context(), resolver, args[0], Options{Selectors: args[1:], Now: clock, Plan: true})
	}
	before := report(in["zone"])
	pagetest.Columns(t, before)
	if before.Exists == Invalid {
		return 0
	}
	zone, made := plantest.Publish(t, in["zone"], before.Plan)
	if len(made) == 0 {
		return 0
	}
	after := report(zone)
	plantest.Mended(t, before.lists(), after.lists(), made)
	for _, r := range plantest.Now(after.Plan) {
		if slices.ContainsFunc(made, func(c finding.Change) bool { return c.Name == r.Name && c.Type == r.Type }) {
			t.Errorf("still to publish: %s", r.BIND)
		}
	}
	if after.Errors > before.Errors {
		t.Errorf("%d errors become %d", before.Errors, after.Errors)
	}
	if t.Failed() {
		t.Log(zone)
	}
	return len(made)
}
