package inspect

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// publish returns a zone in which the records of a plan's steps are published, up to the
// first step that has to wait.
func publish(t *testing.T, zone string, p *plan.Plan) (changed string, records int) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(zone, "\n"), "\n")
	for _, s := range p.Steps {
		if s.When != "now" && s.When != "next" {
			break
		}
		for _, r := range s.Records {
			records++
			n := len(lines)
			lines = slices.DeleteFunc(lines, func(line string) bool { return goes(line, &r) })
			if r.Remove {
				if len(lines) == n {
					t.Errorf("%s is to be removed, but does not stand there", r.BIND)
				}
				continue
			}
			lines = append(lines, r.BIND)
		}
	}
	return strings.Join(lines, "\n") + "\n", records
}

// goes reports whether a record of a plan takes a line of a zone away.
func goes(line string, r *plan.Record) bool {
	f := strings.Fields(line)
	if len(f) < 3 || f[0] != r.Name+"." || f[1] != r.Type {
		return false
	}
	data := strings.Join(f[2:], " ")
	switch {
	case r.Type == "CNAME" || r.Type == "PTR":
		return true
	case r.Type != "TXT":
		return r.Remove && strings.EqualFold(strings.TrimSuffix(data, "."), strings.TrimSuffix(r.Data, "."))
	}
	_, rest, _ := strings.Cut(line, " TXT ")
	c := finding.Change{Name: r.Name, Type: "TXT", Data: rest}
	text := plan.TextOf(&c)
	switch {
	case r.Remove:
		return text == r.Value
	case strings.HasPrefix(r.Value, "v=spf1"):
		return repair.MeantAsSPF(text)
	}
	return true
}

// TestPlans: the records of a plan are published, as zone files have them, by a name
// server. Their findings are gone then, nothing is wrong that was right, and a second plan
// changes none of them again.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	counts := make(chan int, len(files))
	t.Run("publish", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				t.Parallel()
				counts <- publishPlan(t, file)
			})
		}
	})
	close(counts)
	n := 0
	for p := range counts {
		n += p
	}
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
	zone, records := publish(t, in["zone"], before.Plan)
	if records == 0 {
		return 0
	}
	after := report(zone)
	known, planned := map[string]bool{}, map[string]bool{}
	for f := range before.lists().All() {
		known[f.Text] = true
	}
	for _, s := range before.Plan.Steps {
		for _, r := range s.Records {
			if s.When != "now" && s.When != "next" {
				continue
			}
			planned[r.Name+r.Type+r.Data], planned[r.Name+r.Type] = true, true
		}
	}
	left := map[string]bool{}
	for f := range after.lists().All() {
		left[f.Text] = true
		if f.Severity == finding.Error && !known[f.Text] {
			t.Errorf("a new error: %s\n%s", f.Text, zone)
		}
	}
	for f := range before.lists().All() {
		all := len(f.Changes) > 0 && f.Severity != finding.OK
		for _, c := range f.Changes {
			all = all && planned[c.Name+c.Type+c.Data]
		}
		if all && left[f.Text] {
			t.Errorf("still there: %s\n%s", f.Text, zone)
		}
	}
	for _, s := range after.Plan.Steps {
		for _, r := range s.Records {
			if (s.When == "now" || s.When == "next") && planned[r.Name+r.Type] {
				t.Errorf("still to publish: %s", r.BIND)
			}
		}
	}
	if after.Errors > before.Errors {
		t.Errorf("%d errors become %d", before.Errors, after.Errors)
	}
	return records
}
