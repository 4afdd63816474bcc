package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// mountMemory returns a new file system in memory.
func mountMemory(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root mounts file systems")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no file system of its own for the journal: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskWithoutRoom fills a real file system. Adding rows goes on at once, the fault is
// told once, accepted mail is left out first, and when there is room again the journal works
// with the same file.
func TestDiskWithoutRoom(t *testing.T) {
	t.Parallel()
	for round := 1; !diskWithoutRoom(t, round == 3); round++ {
		t.Log("a write took so long that all rows came meanwhile")
	}
}

// diskWithoutRoom is one round of TestDiskWithoutRoom. It returns false if rows of mail that was not
// accepted were lost, which happens if one write takes very long: the rows that it writes stay in
// memory meanwhile. In the last round such a loss is an error.
func diskWithoutRoom(t *testing.T, last bool) bool {
	t.Helper()
	dir := mountMemory(t, "size=1m")
	core, logs := observer.New(zap.InfoLevel)
	s, err := Open(Options{Dir: filepath.Join(dir, "journal"), Now: func() time.Time { return noon }, Logger: zap.New(core)})
	must(t, err)
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: 10 * time.Millisecond, Retry: 50 * time.Millisecond, Memory: 1 << 20, Logger: zap.New(core)})
	g := newGenerator()
	late := 0
	add := func(refused bool) {
		row := g.rowOf(noon, 1, refused)
		began := time.Now()
		r.Add(row)
		if time.Since(began) > time.Second {
			late++
		}
	}
	await := func(what string, f func(journal.Stats) bool) journal.Stats {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if got := r.Stats(); f(got) {
				return got
			} else if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, got)
			}
		}
	}
	add(true)
	await("the first row", func(s journal.Stats) bool { return s.Written[rows.Rest] == 1 })
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	must(t, err)
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	must(t, f.Close())
	var accepted, refused int64
	for refused = 1; accepted < 2000; accepted++ {
		if add(false); accepted%4 == 0 {
			add(true)
			refused++
		}
	}
	failing := await("the fault", func(s journal.Stats) bool { return strings.Contains(s.Failing, "full") })
	if failing.Dropped[rows.Rest] > 0 && !last {
		r.Close(context.Background())
		return false
	}
	if failing.Dropped[rows.Accepted] == 0 || failing.Dropped[rows.Rest] > 0 {
		t.Errorf("dropped on a full disk: %v, want accepted mail alone", failing.Dropped)
	}
	must(t, os.Remove(filler))
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, "size=64m"))
	add(true)
	refused++
	after := await("the journal after it", func(s journal.Stats) bool {
		return s.Failing == "" && s.Written[rows.Rest] == refused && s.Dropped[rows.Rest] == 0 && s.Written[rows.Accepted]+s.Dropped[rows.Accepted] == accepted
	})
	if late > 3 { // the machine may stand still during a few
		t.Errorf("Add took more than a second %d times", late)
	}
	r.Close(context.Background())
	list, err := Verify(t.Context(), filepath.Join(dir, "journal"))
	must(t, err)
	var n int64
	for _, f := range list {
		if f.Problem != "" {
			t.Errorf("Verify: %+v", f)
		}
		if f.Class != "" {
			n += f.Rows
		}
	}
	if n != after.Written[rows.Rest]+after.Written[rows.Accepted] {
		t.Errorf("%d rows are there, want %v", n, after.Written)
	}
	if n := logs.FilterMessageSnippet("the journal cannot be written").Len(); n != 1 {
		t.Errorf("that the disk is full is told %d times, want once: %v", n, logs.All())
	}
	if n := logs.FilterMessageSnippet("the journal can be written again").Len(); n != 1 {
		t.Errorf("that it works again is told %d times, want once: %v", n, logs.All())
	}
	return true
}

// TestReadOnlyDisk opens a directory on a file system that cannot be written.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := mountMemory(t, "size=1m")
	write(t, filepath.Join(dir, "journal"), rows.Hashed, newGenerator().rowOf(noon, 1, true))
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if _, err := Open(Options{Dir: filepath.Join(dir, "journal")}); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("a read-only file system: %v", err)
	}
}

// TestYearOfFreeSpace is as TestYearOfSize, on a file system of which half stays free.
func TestYearOfFreeSpace(t *testing.T) {
	t.Parallel()
	dir := mountMemory(t, "size=12m")
	x := simulate(t, filepath.Join(dir, "journal"), Options{Keep: [rows.Classes]time.Duration{365 * 24 * time.Hour, 365 * 24 * time.Hour}, MinFree: 0.5})
	x.year(t, func() bool {
		free, size, ok := Space(dir)
		return ok && 2*free >= size
	})
}
