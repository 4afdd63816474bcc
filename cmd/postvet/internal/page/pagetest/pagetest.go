// Package pagetest compares reports of inspections with wanted ones, for tests.
package pagetest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// Report is a report of an inspection.
type Report interface {
	Print(io.Writer, layout.Screen) error
	Verdict() finding.Verdict
}

// Golden compares a report with the files verdict, text and json of an archive, those that it
// has. If update is true, it writes them to the archive's file instead.
func Golden(t *testing.T, file string, a *txtar.Archive, r Report, update bool) {
	t.Helper()
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"verdict": string(r.Verdict()) + "\n", "text": printed(t, r, layout.Screen{}), "json": string(js) + "\n"}
	for i, f := range a.Files {
		g, ok := got[f.Name]
		if !ok {
			continue
		}
		if update {
			a.Files[i].Data = []byte(g)
		} else if d := cmp.Diff(string(f.Data), g); d != "" {
			t.Errorf("%s: %s", f.Name, d)
		}
	}
	if update {
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Columns checks that no line of a report is longer than the screen is wide.
func Columns(t *testing.T, r Report) {
	t.Helper()
	for line := range strings.Lines(printed(t, r, layout.Screen{Width: 80})) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func printed(t *testing.T, r Report, s layout.Screen) string {
	t.Helper()
	var text bytes.Buffer
	if err := r.Print(&text, s); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
