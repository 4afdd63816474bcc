package route

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the clock of the reports and of their resolvers.
func clock() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// TestReports compares reports with testdata: each file has a zone, the address, the
// verdict, and the report as text and perhaps as JSON.
func TestReports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			for _, f := range a.Files {
				in[f.Name] = string(f.Data)
			}
			_, resolver := dnstest.StartAt(t, in["zone"], clock)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			r, err := Find(ctx, resolver, strings.TrimSpace(in["address"]), Options{Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := r.Print(&text, layout.Screen{}); err != nil {
				t.Fatal(err)
			}
			js, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{"verdict": string(r.Verdict()) + "\n", "text": text.String(), "json": string(js) + "\n"}
			for i, f := range a.Files {
				g, ok := got[f.Name]
				if !ok {
					continue
				}
				if *update {
					a.Files[i].Data = []byte(g)
				} else if d := cmp.Diff(string(f.Data), g); d != "" {
					t.Errorf("%s: %s", f.Name, d)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			wantColumns(t, r)
			if r.Lookups > lookups.Max {
				t.Errorf("%d lookups", r.Lookups)
			}
		})
	}
}

// wantColumns checks that no line of a report is longer than the screen is wide.
func wantColumns(t *testing.T, r *Report) {
	t.Helper()
	var text bytes.Buffer
	if err := r.Print(&text, layout.Screen{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
