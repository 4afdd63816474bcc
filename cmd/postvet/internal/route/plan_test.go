package route

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestPlans: the records of a plan are published together, up to the first step that has to
// wait. Their findings are gone then, and nothing is wrong that was right.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	published := make(chan int, len(files))
	t.Run("publish", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				t.Parallel()
				zone, address := readSetup(t, file)
				published <- publishPlan(t, zone, address)
			})
		}
	})
	close(published)
	n := 0
	for p := range published {
		n += p
	}
	if n < 20 {
		t.Errorf("only %d records were published", n)
	}
}

// publishPlan publishes the plan of a report, and returns the number of records.
func publishPlan(t *testing.T, zone, address string) (records int) {
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
	planned := map[string]bool{}
	for _, s := range before.Plan.Steps {
		if s.When != "now" && s.When != "next" {
			break
		}
		for _, r := range s.Records {
			verb := "publish: "
			if r.Remove {
				verb = "remove: "
			}
			record := r.Name + ". " + r.Type + " " + r.Data
			changed, ok := zone+record+"\n", true
			if r.Remove || r.Type != "MX" { // a new MX record stands beside the others
				changed, ok = follow(t, zone, verb+record)
			}
			if !ok {
				t.Errorf("%s is no record that can be published", r.BIND)
			}
			zone = changed
			planned[verb+r.Name+r.Type+r.Data] = true
			records++
		}
	}
	if records == 0 {
		return 0
	}
	known, left := map[string]bool{}, map[string]bool{}
	for f := range before.lists().All() {
		known[f.Text] = true
	}
	for f := range report(zone).lists().All() {
		left[f.Text] = true
		if f.Severity == finding.Error && !known[f.Text] {
			t.Errorf("a new error: %s\n%s", f.Text, zone)
		}
	}
	for f := range before.lists().All() {
		all := len(f.Changes) > 0 && f.Severity != finding.OK
		for _, c := range f.Changes {
			verb := map[bool]string{false: "publish: ", true: "remove: "}[c.Remove]
			all = all && planned[verb+c.Name+c.Type+c.Data]
		}
		if all && left[f.Text] {
			t.Errorf("still there: %s\n%s", f.Text, zone)
		}
	}
	return records
}
