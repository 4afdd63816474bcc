package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestForgetLeavesNothing fills files so that the pages of indexes are split, and looks for
// a domain in all octets of all files after it was forgotten.
func TestForgetLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	defer r.Close(context.Background())
	g := newGenerator()
	add := func(at time.Time, n int) {
		for i := range n {
			row := g.rowOf(at.Add(time.Duration(i)*time.Millisecond), uint64(i), true)
			row.Results.Author.Domain = fmt.Sprintf("x%x.example", uint32(i)*2654435761)
			if i%50 == 7 {
				row.Results.Author.Domain = "news.needle.example"
			}
			row.Results.DMARC.OrganizationalDomain = row.Results.Author.Domain
			r.Add(row)
		}
		r.Flush(t.Context())
	}
	add(noon, 4000)
	add(noon.Add(time.Hour), 4000)
	r.Flush(t.Context()) // the first hour is over now
	must(t, s.WriteRecords([]rows.Published{{Standard: rows.SPF, Name: "needle.example", Text: "v=spf1", First: noon, Last: noon}}))
	reader := NewReader(dir)
	all := func() counts.Sums {
		q := counts.Query{Kind: counts.Domain, Since: noon.Add(-time.Hour), Until: noon.Add(3 * time.Hour)}
		must(t, q.Check())
		ranking, err := reader.Top(t.Context(), q)
		must(t, err)
		return ranking.All
	}
	before := all()
	if before[counts.All] != 8000 {
		t.Fatalf("%d messages are counted, want 8000", before[counts.All])
	}
	r.Forget("needle.example")
	r.Flush(t.Context())
	n, err := reader.Forget(t.Context(), rows.Query{Domain: "needle.example"})
	if n != 160 || err != nil {
		t.Errorf("Forget: %d rows, %v, want 160", n, err)
	}
	add(noon.Add(time.Hour), 1) // the service goes on
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) < 3 {
		t.Fatalf("files %q", names)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(t, err)
		if n := bytes.Count(text, []byte("needle.example")); n > 0 {
			t.Errorf("%s has the domain %d times", filepath.Base(name), n)
		}
	}
	before[counts.All]++
	if after := all(); after[counts.All] != before[counts.All] {
		t.Errorf("%d messages are counted after Forget, want %d", after[counts.All], before[counts.All])
	}
}
