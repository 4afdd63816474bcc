package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestRemoved removes all files while they are written. What comes then is kept, and the
// counts of the hour are whole.
func TestRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	must(t, err)
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour, Retry: time.Nanosecond})
	defer r.Close(context.Background())
	g := newGenerator()
	write := func(n uint64) {
		r.Add(g.rowOf(noon, n, true))
		r.Add(g.rowOf(noon, n, false))
		r.Flush(t.Context())
	}
	write(1)
	write(2)
	names, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	must(t, err)
	for _, name := range names {
		must(t, os.Remove(name))
	}
	write(3)
	write(4)
	if got := find(t, dir, rows.Query{}); len(got) != 4 {
		t.Errorf("%d rows are found, want the 4 that came after the files were removed", len(got))
	}
	q := counts.Query{Kind: counts.Domain, Since: noon.Add(-time.Hour), Until: noon.Add(3 * time.Hour)}
	must(t, q.Check())
	ranking, err := NewReader(dir).Top(t.Context(), q)
	must(t, err)
	if len(ranking.Lines) != 4 || ranking.All[counts.All] != 8 {
		t.Errorf("%d names with %d messages are counted, want 4 with 8", len(ranking.Lines), ranking.All[counts.All])
	}
}
