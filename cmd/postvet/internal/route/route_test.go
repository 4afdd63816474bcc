package route

import (
	"context"
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
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
			pagetest.Golden(t, file, a, r, *update)
			pagetest.Columns(t, r)
			if r.Lookups > lookups.Max {
				t.Errorf("%d lookups", r.Lookups)
			}
		})
	}
}
