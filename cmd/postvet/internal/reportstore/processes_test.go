//go:build linux

package reportstore

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// processFile names the file that the child process of TestProcesses adds to.
const processFile = "POSTVET_TEST_REPORTS_FILE"

// processBatches is how many batches each process adds.
const processBatches = 50

func addBatches(t *testing.T, file, writer string) {
	t.Helper()
	s, err := Open(t.Context(), Options{File: file})
	must(t, err)
	defer s.Close()
	for n := range int64(processBatches) {
		var batch []reports.Counted
		for i := range 20 {
			batch = append(batch, counted(yesterday, fmt.Sprintf("d%d.example", i%3), fmt.Sprintf("192.0.2.%d", i), 1))
		}
		_, err := s.AddOnce(t.Context(), Batch{writer, n + 1}, batch)
		must(t, err)
	}
}

// TestProcessesChild is a process of TestProcesses.
func TestProcessesChild(t *testing.T) {
	file := os.Getenv(processFile)
	if file == "" {
		t.Skip("only TestProcesses runs it")
	}
	addBatches(t, file, fmt.Sprint(os.Getpid()))
}

// TestProcesses: several processes make and write one file at one time.
func TestProcesses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "reports.db")
	const children = 3
	ended := make(chan string, children)
	for range children {
		go func() {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestProcessesChild$")
			child.Env = append(os.Environ(), processFile+"="+file)
			out, err := child.CombinedOutput()
			if err != nil {
				ended <- fmt.Sprintf("%v: %s", err, out)
				return
			}
			ended <- ""
		}()
	}
	addBatches(t, file, "parent")
	for range children {
		if why := <-ended; why != "" {
			t.Error(why)
		}
	}
	s := testPlace{Options{File: file}}.open(t)
	sum := int64(0)
	for _, x := range closeDays(t, s) {
		_, n := read(t, s, x)
		sum += n
	}
	if want := int64((children + 1) * processBatches * 20); sum != want {
		t.Errorf("%d messages, want %d", sum, want)
	}
}

// TestLocked: a file that somebody locks can be written when the lock ends, and an attempt
// ends with its context before.
func TestLocked(t *testing.T) {
	t.Parallel()
	p := testPlace{Options{File: filepath.Join(t.TempDir(), "reports.db")}}
	s := p.open(t)
	other, err := sqlite.OpenShared(p.options.File)
	must(t, err)
	defer other.Close()
	conn, err := other.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	must(t, err)
	added := make(chan error, 1)
	go func() {
		_, err := s.AddOnce(t.Context(), Batch{"one", 1}, []reports.Counted{counted(yesterday, "example.com", "192.0.2.1", 1)})
		added <- err
	}()
	select {
	case err := <-added:
		t.Errorf("added while the file is locked: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	_, err = conn.ExecContext(t.Context(), "COMMIT")
	must(t, err)
	must(t, <-added)
}

// TestDamaged: a file that is damaged is left as it is, and the error says what to do.
func TestDamaged(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "reports.db")
	text := strings.Repeat("this is no database\n", 1000)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	if _, err := Open(t.Context(), Options{File: file}); err == nil || !strings.Contains(err.Error(), "away") || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != text {
		t.Errorf("the file has changed (%v)", err)
	}
	dir := filepath.Join(t.TempDir(), "dir.db")
	must(t, os.Mkdir(dir, 0o700))
	if _, err := Open(t.Context(), Options{File: dir}); err == nil {
		t.Error("a directory was opened")
	}
}

// TestFull: when there is no room an attempt fails as a whole, and the next one counts once.
func TestFull(t *testing.T) {
	t.Parallel()
	p := testPlace{Options{File: filepath.Join(t.TempDir(), "reports.db")}}
	s := p.open(t)
	s.db.SetMaxOpenConns(1)
	var pages int
	must(t, s.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	limit := func(n int) {
		var set sql.NullInt64
		must(t, s.db.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)).Scan(&set))
	}
	limit(pages + 2)
	var batch []reports.Counted
	for i := range 200 {
		batch = append(batch, counted(yesterday, "example.com", fmt.Sprintf("192.0.2.%d", i), 1))
	}
	if _, err := s.AddOnce(t.Context(), Batch{"one", 1}, batch); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("without room: %v", err)
	}
	limit(1_000_000)
	_, err := s.AddOnce(t.Context(), Batch{"one", 1}, batch)
	must(t, err)
	if _, n := read(t, s, closeDays(t, s)[0]); n != 200 {
		t.Errorf("%d messages, want 200", n)
	}
}

// TestClockSetBack: days that were closed by a clock that was ahead are over; what comes
// afterwards is in the next report of its policy.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	now := noon.AddDate(0, 0, 10)
	p := testPlace{Options{File: filepath.Join(t.TempDir(), "reports.db"), Now: func() time.Time { return now }}}
	s := p.open(t)
	today := reports.DayOf(noon)
	addCounts(t, s, counted(today+10, "example.com", "192.0.2.1", 1), counted(today, "example.com", "192.0.2.1", 2))
	must(t, s.Heartbeat(t.Context(), "mx1", now))
	if all := closeDays(t, s); len(all) != 1 || all[0].Day != today {
		t.Fatalf("closed by the clock that is ahead: %+v", all)
	}
	now = noon
	must(t, s.Heartbeat(t.Context(), "mx1", now))
	if a := addCounts(t, s, counted(today, "example.com", "192.0.2.1", 4), counted(today, "example.org", "192.0.2.1", 8)); a != (Added{Late: 4}) {
		t.Errorf("added %+v", a)
	}
	now = noon.AddDate(0, 0, 2)
	must(t, s.Heartbeat(t.Context(), "mx1", now))
	sums := map[string]int64{}
	for _, x := range closeDays(t, s) {
		_, n := read(t, s, x)
		sums[fmt.Sprint(x.Policy.Domain, int(x.Day-today))] = n
	}
	if len(sums) != 3 || sums["example.com0"] != 2 || sums["example.com1"] != 4 || sums["example.org0"] != 8 {
		t.Errorf("%v", sums)
	}
}
