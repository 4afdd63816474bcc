package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// The environment of the child process of TestKill.
const (
	killDir  = "POSTVET_TEST_JOURNAL_DIR"
	killRuns = "POSTVET_TEST_KILLS" // how often to kill; default 10
)

// killTick is the time after which the child writes.
const killTick = 20 * time.Millisecond

// TestKillChild is the process that TestKill kills. It prints the reference of each row that
// was added, and "written" when all of them were.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("only TestKill runs it")
	}
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: killTick})
	g := newGenerator()
	out := bufio.NewWriter(os.Stdout)
	for i := 0; ; i++ {
		row := g.row(time.Now())
		r.Add(row)
		fmt.Fprintf(out, "%d\n", row.Ref)
		if i%100 == 0 {
			r.Flush(t.Context())
			fmt.Fprintln(out, "written")
			_ = out.Flush()
		}
	}
}

// TestKill kills a process that writes again and again: no file is lost, and none of the rows
// that were written. How long others may wait is a tick, see the tests of the recorder.
func TestKill(t *testing.T) {
	t.Parallel()
	runs := 10
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		runs = n
	}
	dir := t.TempDir()
	added, unsure := 0, []result.Reference{}
	var written []result.Reference
	for i := range runs {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=TestKillChild$")
		child.Env = append(os.Environ(), killDir+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		begun := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				added++
				unsure = append(unsure, result.Reference(n))
			} else if lines.Text() == "written" {
				written, unsure = append(written, unsure...), unsure[:0]
			}
			if !begun {
				begun = true
				time.AfterFunc(time.Duration(50+i*7%200)*time.Millisecond, func() { _ = child.Process.Kill() })
			}
		}
		unsure = unsure[:0]
		_ = child.Wait()
		cancel()
	}
	there := map[result.Reference]bool{}
	reader := NewReader(dir)
	must(t, reader.Each(t.Context(), rows.Query{}, func(r *rows.Row) error {
		there[r.Ref] = true
		return nil
	}))
	for _, ref := range written {
		if !there[ref] {
			t.Fatalf("the row %v of %s is lost, which was written before the process was killed", ref, ref.Time())
		}
	}
	// Counts are written after the rows, when the child says so.
	counted := top(t, dir, counts.Query{By: counts.All, Since: time.Now().Add(-day), Until: time.Now().Add(day)}).All[counts.All]
	if counted < int64(len(written)) || counted > int64(len(there)) {
		t.Errorf("%d messages are counted, %d rows are there, of which %d were counted for sure", counted, len(there), len(written))
	}
	list, err := Verify(t.Context(), dir)
	for _, f := range list {
		if f.Problem != "" {
			t.Errorf("Verify: %+v", f)
		}
	}
	if err != nil || len(written) < runs {
		t.Errorf("%d rows in %d files after %d kills, %v", len(there), len(list), runs, err)
	}
	t.Logf("%d rows were added, %d are there, %d for sure, after %d kills", added, len(there), len(written), runs)
}
