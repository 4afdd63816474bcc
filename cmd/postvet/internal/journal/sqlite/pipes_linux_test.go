package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestNotRegular shows that nothing waits for named pipes that have the names of files.
func TestNotRegular(t *testing.T) {
	t.Parallel()
	g := newGenerator()
	day := fileOf("", noon, rows.Rest).path
	for _, name := range []string{day, day + "-wal", stateName} {
		dir := t.TempDir()
		must(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := Verify(ctx, dir); err != nil {
			t.Errorf("%s: Verify: %v", name, err)
		}
		row := g.rowOf(noon, 1, true)
		write(t, dir, rows.Hashed, row)
		if got := find(t, dir, rows.Query{}); len(got) != 1 {
			t.Errorf("%s: %d rows are found, want 1", name, len(got))
		}
		if aside, _ := filepath.Glob(filepath.Join(dir, name[:min(len(name), len(day))]+".damaged-1*")); len(aside) == 0 && name != day+"-wal" {
			t.Errorf("%s was not set aside", name)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{auditName, noon.Format(monthLayout) + ".key"} {
		must(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
	}
	if err := Audit(dir, Audited{Do: "history", Query: &rows.Query{}}); err == nil {
		t.Error("a search was written into a pipe")
	}
	if _, err := (&keys{dir: dir}).of(noon, true); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key from a pipe: %v", err)
	}
}
