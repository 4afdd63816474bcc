package sqlite

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestFullDisk has a file that may not grow: adding rows goes on at once, the fault is told
// once, and when there is room again everything that was kept in memory is written.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	core, logs := observer.New(zap.InfoLevel)
	s, err := Open(Options{Dir: dir})
	must(t, err)
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour, Retry: time.Millisecond, Logger: zap.New(core)})
	g := newGenerator()
	r.Add(g.rowOf(noon, 1, true))
	r.Flush(t.Context())
	must(t, s.open[rows.Rest].exec("PRAGMA max_page_count = 10"))
	const n = 500
	for i := range n {
		r.Add(g.rowOf(noon, uint64(i), true))
		if i%50 == 0 {
			r.Flush(t.Context())
			time.Sleep(2 * time.Millisecond)
		}
	}
	if got := r.Stats(); !strings.Contains(got.Failing, "full") || got.Written[rows.Rest] > 200 {
		t.Errorf("Stats of a full disk: %+v", got)
	}
	must(t, s.open[rows.Rest].exec("PRAGMA max_page_count = 1000000"))
	time.Sleep(2 * time.Millisecond)
	r.Flush(t.Context())
	r.Close(context.Background())
	if got := find(t, dir, rows.Query{Limit: rows.MaxLimit}); len(got) != n+1 {
		t.Errorf("%d rows are there after the disk was full, want %d", len(got), n+1)
	}
	if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("that the disk is full is told %d times, want once: %v", n, logs.All())
	}
}

// TestFilesForSQLite has the program sqlite3 read a file, with texts that a stranger chose.
func TestFilesForSQLite(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("sqlite3 is not installed")
	}
	dir := t.TempDir()
	row := newGenerator().rowOf(noon, 1, true)
	row.Queue = "Q'; DROP TABLE message; --\x1b[2J\r\n"
	row.Results.Client.Helo = "\x00\u202e=cmd|' /C calc'!A0"
	write(t, dir, rows.Hashed, row)
	out, err := exec.CommandContext(t.Context(), program, "-readonly", fileOf(dir, noon, rows.Rest).path,
		"SELECT at, queue, helo, action, rule FROM mail; SELECT count(*) FROM message").CombinedOutput()
	must(t, err)
	const want = "2026-11-29T12:00:00.000Z|Q'; DROP TABLE message; --?[2J??|??=cmd|' /C calc'!A0|reject|dmarc-reject\n1\n"
	if string(out) != want {
		t.Errorf("sqlite3 prints %q, want %q", out, want)
	}
}

// TestRights: nobody but the service reads the files.
func TestRights(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	write(t, dir, rows.Hashed, newGenerator().rowOf(noon, 1, true))
	must(t, Audit(dir, Audited{Do: "history", Query: &rows.Query{From: "a@example.org"}}))
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %s, %v", info.Mode(), err)
	}
}
