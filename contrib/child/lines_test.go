//go:build linux

package child_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

func TestLines(t *testing.T) {
	t.Parallel()
	var l child.Lines
	for _, part := range []string{"one\ntw", "o\n\nthree"} {
		fmt.Fprint(&l, part)
	}
	if got := l.All(); !slices.Equal(got, []string{"one", "two", ""}) {
		t.Errorf("%q", got)
	}
	second := func() func(string) bool {
		n := 0
		return func(line string) bool {
			if strings.Contains(line, "o") {
				n++
			}
			return n == 2
		}
	}
	if got, err := l.Await(patience, nil, second()); got != "two" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := l.Await(time.Millisecond, nil, func(line string) bool { return line == "three" }); err == nil {
		t.Errorf("%q, which has no end yet", got)
	}
}

// TestAwaitLines waits for lines of a process, and for one that it never writes.
func TestAwaitLines(t *testing.T) {
	t.Parallel()
	var l child.Lines
	cmd := exec.Command("sh", "-c", "echo a; read -r go; echo b; echo last")
	cmd.Stdout = &l
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	is := func(want string) func(string) bool { return func(line string) bool { return line == want } }
	if _, err := l.Await(patience, p.Done(), is("a")); err != nil {
		t.Error(err)
	}
	fmt.Fprintln(in, "go")
	for _, want := range []string{"b", "last", "a"} {
		if _, err := l.Await(patience, p.Done(), is(want)); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := l.Await(patience, p.Done(), is("c")); err == nil || !strings.Contains(err.Error(), "the process ended") {
		t.Errorf("a line that is not written: %v", err)
	}
}
