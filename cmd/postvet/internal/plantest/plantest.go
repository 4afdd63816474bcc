// Package plantest publishes plans in zones, for tests of the inspections that make them.
package plantest

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
)

// EachFile runs count for each file of testdata, in parallel, and returns the sum.
func EachFile(t *testing.T, count func(t *testing.T, file string) int) (sum int) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	counts := make(chan int, len(files))
	t.Run("files", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				t.Parallel()
				counts <- count(t, file)
			})
		}
	})
	close(counts)
	for n := range counts {
		sum += n
	}
	return sum
}

// Publish returns a zone in which the records of a plan are published, up to the first step
// that has to wait, and the changes that were made.
func Publish(t *testing.T, zone string, p *plan.Plan) (changed string, made []finding.Change) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(zone, "\n"), "\n")
	for _, r := range Now(p) {
		made = append(made, finding.Change{Remove: r.Remove, Name: r.Name, Type: r.Type, Data: r.Data})
		n := len(lines)
		lines = slices.DeleteFunc(lines, func(line string) bool { return goes(line, &r) })
		switch {
		case !r.Remove:
			lines = append(lines, r.BIND)
		case len(lines) == n:
			t.Errorf("%s is to be removed, but does not stand there", r.BIND)
		}
	}
	return strings.Join(lines, "\n") + "\n", made
}

// Now returns the records of the steps that need not wait.
func Now(p *plan.Plan) (records []plan.Record) {
	for _, s := range p.Steps {
		if s.When != "now" && s.When != "next" {
			break
		}
		records = append(records, s.Records...)
	}
	return records
}

// goes reports whether a record of a plan takes a line of a zone away.
func goes(line string, r *plan.Record) bool {
	name, typ, data := fields(line)
	if name != r.Name+"." || typ != r.Type {
		return false
	}
	switch {
	case r.Type == "CNAME" || r.Type == "PTR":
		return true
	case r.Type != "TXT": // a new record stands beside the others
		return r.Remove && strings.EqualFold(strings.TrimSuffix(data, "."), strings.TrimSuffix(r.Data, "."))
	}
	text := plan.TextOf(&finding.Change{Name: r.Name, Type: typ, Data: data})
	switch {
	case r.Remove:
		return text == r.Value
	case strings.HasPrefix(r.Value, "v=spf1"):
		return repair.MeantAsSPF(text)
	}
	return true
}

// fields returns the fields of a record but for TTL and class. Its data have a blank in a name
// as reports show it.
func fields(line string) (name, typ, data string) {
	name, rest, _ := strings.Cut(line, " ")
	for {
		typ, data, _ = strings.Cut(rest, " ")
		if _, err := strconv.Atoi(typ); err != nil && typ != "IN" {
			return name, typ, strings.ReplaceAll(data, `\032`, `\ `)
		}
		rest = data
	}
}

// Mended checks what an inspection finds after changes: the findings are gone whose changes
// were all made, and no error is new.
func Mended(t *testing.T, before, after finding.Lists, made []finding.Change) {
	t.Helper()
	known, left := map[string]bool{}, map[string]bool{}
	for f := range before.All() {
		known[f.Text] = true
	}
	for f := range after.All() {
		left[f.Text] = true
		if f.Severity == finding.Error && !known[f.Text] {
			t.Errorf("a new error: %s", f.Text)
		}
	}
	for f := range before.All() {
		open := slices.ContainsFunc(f.Changes, func(c finding.Change) bool { return !slices.Contains(made, c) })
		if len(f.Changes) > 0 && f.Severity != finding.OK && !open && left[f.Text] {
			t.Errorf("still there: %s", f.Text)
		}
	}
}
