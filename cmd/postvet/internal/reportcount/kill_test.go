package reportcount_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
)

// The environment of the child process of TestKill.
const (
	killFile = "POSTVET_TEST_REPORTS_FILE"
	killRuns = "POSTVET_TEST_KILLS" // how often to kill; default 6
)

// killTick is how often the child writes, and killSlack how long a process on a busy machine
// may take for what it does at once.
const (
	killTick  = 50 * time.Millisecond
	killSlack = 2 * time.Second
)

// TestKillChild is the process that TestKill kills. It adds some thousand messages a second
// and prints, behind each 20 of them, how many there were and the time.
func TestKillChild(t *testing.T) {
	file := os.Getenv(killFile)
	if file == "" {
		t.Skip("only TestKill runs it")
	}
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	c := reportcount.New(reportcount.Options{Store: s, Node: "mx1", Every: killTick})
	for i, began := 0, time.Now(); time.Since(began) < time.Minute; {
		for range 20 {
			c.Add(row(i%5000), time.Now())
			i++
		}
		st := c.Stats()
		if st.Dropped[reportcount.WhyQueue] > 0 {
			t.Fatal("the queue was full")
		}
		fmt.Println(i, st.Rows, time.Now().UnixNano())
		time.Sleep(2 * time.Millisecond)
	}
}

// TestKill kills a process that counts again and again: what the store had taken stays,
// what was added longer ago than the time between two writes is there, and the file works.
func TestKill(t *testing.T) {
	t.Parallel()
	runs := 6
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		runs = n
	}
	file := filepath.Join(t.TempDir(), "reports.db")
	var before, added, lost int64
	for i := range runs {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=TestKillChild$")
		child.Env = append(os.Environ(), killFile+"="+file)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		type state struct{ added, kept, at int64 }
		var states []state
		var killed time.Time
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s state
			if n, _ := fmt.Sscan(lines.Text(), &s.added, &s.kept, &s.at); n != 3 {
				continue
			}
			states = append(states, s)
			// Kill it at another moment of its tick each time, once it has written.
			if s.kept > 0 && killed.IsZero() && time.Since(time.Unix(0, states[0].at)) > 200*time.Millisecond+time.Duration(i*37)*time.Millisecond {
				killed = time.Now()
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		cancel()
		if killed.IsZero() || len(states) == 0 {
			t.Fatalf("run %d: the process ended by itself", i)
		}
		there := messagesIn(t, file) - before
		last := states[len(states)-1]
		if there < last.kept || there > last.added+20 {
			t.Errorf("run %d: %d messages are there; the store had taken %d, and %d were added", i, there, last.kept, last.added)
		}
		ran := time.Duration(0) // from a state to the end, without what the machine stood still
		for k := len(states) - 1; k > 0; k-- {
			if s := states[k]; ran > killTick+killSlack && there < s.added {
				t.Errorf("run %d: %d messages are there, and %d were added %s before the end", i, there, s.added, ran)
			}
			ran += min(time.Duration(states[k].at-states[k-1].at), 50*time.Millisecond)
		}
		before, added, lost = before+there, added+last.added, lost+max(0, last.added-there)
	}
	t.Logf("%d kills: %d messages were added, %d of them lost", runs, added, lost)
}

// messagesIn returns how many messages a file has.
func messagesIn(t *testing.T, file string) (n int64) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Subjects(t.Context(), reportstore.SubjectQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		rs := s.Records(t.Context(), x)
		for range rs.All() { //nolint:revive // it counts
		}
		if rs.Err() != nil {
			t.Fatal(rs.Err())
		}
		_, some := rs.Count()
		if said := x.Messages[reporting.Ordinary]; said != some {
			t.Errorf("a subject says %d messages, its records %d", said, some)
		}
		n += some + x.LeftOut
	}
	return n
}
