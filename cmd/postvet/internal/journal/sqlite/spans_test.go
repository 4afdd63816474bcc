package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// readSpans returns the references of all spans in order, and the files that could not be
// read with the reason.
func readSpans(t *testing.T, dir string, since, until time.Time) (refs []result.Reference, bad map[string]error, spans int) {
	t.Helper()
	bad = map[string]error{}
	err := NewReader(dir).Spans(t.Context(), since, until, func(s rows.Span) bool {
		spans++
		if s.Err == nil {
			s.Err = s.Each(t.Context(), func(r *rows.Row, err error) error {
				if err != nil {
					bad["row"] = err
					return nil
				}
				refs = append(refs, r.Ref)
				return nil
			})
		}
		if s.Err != nil {
			bad[s.File] = s.Err
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return refs, bad, spans
}

func TestSpans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	var all []*rows.Row
	want := map[result.Reference]bool{}
	for i := range 2*spanRows + 10 {
		row := g.rowOf(noon.Add(time.Duration(i)*time.Second-24*time.Hour), 1, i%3 == 0)
		all = append(all, row)
		want[row.Ref] = true
	}
	write(t, dir, rows.Hashed, all...)
	refs, bad, spans := readSpans(t, dir, time.Time{}, time.Time{})
	if len(refs) != len(want) || len(bad) > 0 || spans != 3 {
		t.Errorf("%d rows in %d spans, want %d; bad: %v", len(refs), spans, len(want), bad)
	}
	for _, ref := range refs {
		if !want[ref] {
			t.Errorf("%s is read twice, or was not written", ref)
		}
		delete(want, ref)
	}
	since, until := all[100].Ref.Time(), all[200].Ref.Time()
	if refs, _, _ := readSpans(t, dir, since, until); len(refs) != 100 {
		t.Errorf("%d rows in 100 seconds, want 100", len(refs))
	}
	if refs, bad, _ := readSpans(t, t.TempDir(), since, until); len(refs)+len(bad) > 0 {
		t.Errorf("an empty directory has %d rows, %v", len(refs), bad)
	}
	if err := NewReader(filepath.Join(dir, "absent")).Spans(t.Context(), since, until, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := NewReader(dir).Spans(ctx, time.Time{}, time.Time{}, func(rows.Span) bool { cancel(); return true })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSpansOfBadFiles names each file that cannot be read, and reads the others.
func TestSpansOfBadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	day := func(n int) time.Time { return noon.Add(time.Duration(-n) * 24 * time.Hour) }
	var all []*rows.Row
	for n := range 6 {
		all = append(all, g.rowOf(day(n), 1, true))
	}
	write(t, dir, rows.Hashed, all...)
	path := func(n int) string { return fileOf(dir, day(n), rows.Rest).path }
	change := func(n int, statement string) *sql.DB {
		t.Helper()
		db, err := sql.Open("sqlite", source(path(n), "rw"))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return db
	}
	change(1, "PRAGMA user_version = 99").Close()
	if err := os.WriteFile(path(2), []byte("this is no database, but long enough to be taken for one"), 0o600); err != nil {
		t.Fatal(err)
	}
	change(3, "UPDATE message SET facts = x'ff00ff'").Close()
	change(4, "PRAGMA journal_mode = DELETE").Close()
	locked := change(4, "BEGIN EXCLUSIVE")
	defer locked.Close()
	if err := os.Rename(path(5), path(5)+".damaged-1"); err != nil {
		t.Fatal(err)
	}
	refs, bad, _ := readSpans(t, dir, time.Time{}, time.Time{})
	if d := cmp.Diff([]result.Reference{all[0].Ref}, refs); d != "" {
		t.Errorf("rows that are read (-want +got):\n%s", d)
	}
	if !errors.Is(bad["row"], rows.ErrRow) || !errors.Is(bad[filepath.Base(path(1))], errNewer) || !errors.Is(bad[filepath.Base(path(2))], errDamaged) ||
		bad[filepath.Base(path(4))] == nil || !errors.Is(bad[filepath.Base(path(5))+".damaged-1"], errSetAside) || len(bad) != 5 {
		t.Errorf("what cannot be read: %v", bad)
	}
}
