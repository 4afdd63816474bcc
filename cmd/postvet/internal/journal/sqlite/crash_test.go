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
// was added, and "written" with the last one that was on the way before a tick.
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
		if i%50 == 0 {
			_ = out.Flush()
			time.Sleep(time.Millisecond)
		}
	}
}

// TestKill kills a process that writes again and again: no file is lost, and of the rows
// those of the last tick at most.
func TestKill(t *testing.T) {
	t.Parallel()
	runs := 10
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		runs = n
	}
	dir := t.TempDir()
	added := map[result.Reference]time.Time{} // when we saw it
	var killed []time.Time
	for i := range runs {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=TestKillChild$")
		child.Env = append(os.Environ(), killDir+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		kill := make(chan time.Time, 1)
		begun := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				added[result.Reference(n)] = result.Reference(n).Time()
			}
			if !begun {
				begun = true
				time.AfterFunc(time.Duration(50+i*7%200)*time.Millisecond, func() {
					kill <- time.Now()
					_ = child.Process.Kill()
				})
			}
		}
		killed = append(killed, <-kill)
		_ = child.Wait()
		cancel()
	}
	there := map[result.Reference]bool{}
	reader := NewReader(dir)
	must(t, reader.Each(t.Context(), rows.Query{}, func(r *rows.Row) error {
		there[r.Ref] = true
		return nil
	}))
	lost := 0
	for ref, at := range added {
		if there[ref] {
			continue
		}
		lost++
		late := true
		for _, k := range killed {
			// A tick, and what it takes to write on a machine that is busy with tests.
			late = late && (at.After(k) || k.Sub(at) > killTick+time.Second)
		}
		if late {
			t.Errorf("a row of %s is lost that was there long before the process was killed", at)
		}
	}
	list, err := Verify(t.Context(), dir)
	for _, f := range list {
		if f.Problem != "" {
			t.Errorf("Verify: %+v", f)
		}
	}
	if err != nil || len(there) < runs*20 {
		t.Errorf("%d rows in %d files after %d kills, %v", len(there), len(list), runs, err)
	}
	t.Logf("%d rows were added, %d are lost after %d kills", len(added), lost, runs)
}
