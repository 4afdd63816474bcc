package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
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

// killSlack is how long a process on a busy machine may take for what it does at once.
const killSlack = 2 * time.Second

// TestKillChild is the process that TestKill kills. It adds some thousand rows a second and
// prints the reference of each one with the nanoseconds that adding it took, and "written"
// when all of them were.
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
		began := time.Now()
		r.Add(row)
		fmt.Fprintf(out, "%d %d\n", row.Ref, time.Since(began))
		if i%20 == 0 {
			_ = out.Flush()
			time.Sleep(time.Millisecond)
		}
		if i%500 == 0 {
			r.Flush(t.Context())
			fmt.Fprintln(out, "written")
		}
	}
}

// TestKill kills a process that writes again and again: no file is lost, none of the rows
// that were written, and of the others only those of the last tick. Adding a row waits for
// nothing meanwhile.
func TestKill(t *testing.T) {
	t.Parallel()
	runs := 10
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		runs = n
	}
	dir := t.TempDir()
	var written []result.Reference
	unsure := map[result.Reference]time.Duration{} // and how old they were when the process was killed
	var took []time.Duration
	for i := range runs {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=TestKillChild$")
		child.Env = append(os.Environ(), killDir+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		var killed atomic.Int64
		var waiting []result.Reference
		wrote := false // before, a run would show nothing
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var ref uint64
			var ns int64
			if n, _ := fmt.Sscan(lines.Text(), &ref, &ns); n == 2 {
				waiting, took = append(waiting, result.Reference(ref)), append(took, time.Duration(ns))
			} else if lines.Text() == "written" {
				written, waiting, wrote = append(written, waiting...), waiting[:0], true
			}
			if wrote && killed.CompareAndSwap(0, 1) {
				time.AfterFunc(time.Duration(50+i*7%200)*time.Millisecond, func() {
					killed.Store(time.Now().UnixNano())
					_ = child.Process.Kill()
				})
			}
		}
		_ = child.Wait()
		cancel()
		for _, ref := range waiting {
			unsure[ref] = time.Unix(0, killed.Load()).Sub(ref.Time())
		}
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
	lost, oldest := 0, time.Duration(0)
	for ref, age := range unsure {
		if !there[ref] {
			lost, oldest = lost+1, max(oldest, age)
		}
	}
	if oldest > killTick+killSlack {
		t.Errorf("a row of %s before the end is lost, want at most %s and what writing takes", oldest, killTick)
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	if p99 > killSlack {
		t.Errorf("p99 of adding a row is %s", p99)
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
	t.Logf("%d kills: %d rows were added, %d lost, the oldest of them %s before the end; p99 of adding a row %s, the slowest %s",
		runs, len(took), lost, oldest, p99, took[len(took)-1])
}
