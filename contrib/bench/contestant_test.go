//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestContestantNames(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range contestants() {
		names = append(names, c.name)
	}
	if diff := cmp.Diff(contestantNames, names); diff != "" {
		t.Errorf("contestants (-contestantNames +contestants()):\n%s", diff)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	c := contestant{name: "x", needs: []string{"/", "/nowhere/x"}, packages: "x y"}
	if got := c.missing(); !strings.Contains(got, "/nowhere/x is not there") || !strings.HasSuffix(got, "x y") {
		t.Errorf("missing() = %q", got)
	}
	c.needs = []string{"/"}
	if got := c.missing(); got != "" {
		t.Errorf("missing() = %q, want nothing", got)
	}
}

// TestPeerFiles fills in every configuration as its contestant does.
func TestPeerFiles(t *testing.T) {
	t.Parallel()
	left := regexp.MustCompile(`@[A-Z]+@`)
	for _, c := range contestants() {
		dir := t.TempDir()
		programs, err := c.start(&place{dir: dir, cache: dir, bin: "/bin"})
		if err != nil {
			t.Fatal(err)
		}
		if len(programs) == 0 {
			t.Errorf("%s starts nothing", c.name)
		}
		files, _ := filepath.Glob(dir + "/*")
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if p := left.FindString(line); p != "" && !strings.HasPrefix(line, "#") {
					t.Errorf("%s: %s is left in %q", f, p, line)
				}
			}
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions([]string{"-quick", "-rounds", "2", "-sessions", "1, 4", "-only", "postvet,rspamd"})
	if err != nil {
		t.Fatal(err)
	}
	if o.rounds != 2 || o.messages != 300 || !cmp.Equal(o.sessions, []int{1, 4}) || !o.wants("rspamd") || o.wants("libmilter") {
		t.Errorf("options %+v", o)
	}
	for _, args := range [][]string{{"-only", "x"}, {"-rounds", "0"}, {"-sessions", "0"}, {"-sessions", "a"}, {"-cache", "hot"}, {"-messages", "-1"}} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	// A child that ignores SIGTERM, and a grandchild.
	p, err := startProcess(log, "/bin/sh", "-c", `trap "" TERM; (sleep 100; echo) & for i in 1 2 3 4 5 6 7 8; do expr $i + 1 >/dev/null; done; echo ready; sleep 100; echo`)
	if err != nil {
		t.Fatal(err)
	}
	var all []proc
	eventually(t, "the shell, its child and their sleeps run", func() bool {
		all, err = family([]int{p.Pid()})
		return err == nil && len(all) == 4 && p.tail() == "ready"
	})
	u, err := measure([]int{p.Pid()})
	if err != nil || u.cpu <= 0 || u.cpu > patience || u.peak < 100<<10 {
		t.Errorf("measure: %+v, %v", u, err)
	}
	if err := p.await(filepath.Join(t.TempDir(), "none"), 50*time.Millisecond); err == nil {
		t.Error("await: a socket that is not there")
	}
	stopAll([]*process{p})
	eventually(t, "no process is left", func() bool {
		left := 0
		for _, c := range all {
			f, _ := family([]int{c.pid})
			left += len(f)
		}
		return left == 0
	})
}

// eventually repeats a check until it succeeds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func TestLaunchFails(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	for _, argv := range [][]string{{"/nowhere/program"}, {"/bin/sh", "-c", "echo no such key; exit 1"}} {
		c := contestant{name: "broken", start: func(p *place) ([]program, error) {
			return []program{{argv, p.socket("x")}}, nil
		}}
		_, err := launch(&c, parent, "")
		if err == nil || !strings.Contains(err.Error(), "broken: ") {
			t.Errorf("%q: error %v", argv, err)
		}
		if argv[0] == "/bin/sh" && !strings.Contains(err.Error(), "no such key") {
			t.Errorf("%q: %v does not show the log", argv, err)
		}
	}
	if left, _ := filepath.Glob(parent + "/run*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
