//go:build linux

package child_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// patience only guards against a test that hangs.
const patience = 2 * time.Minute

// parentKey has this test's binary start a child and wait.
const parentKey = "POSTVET_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentKey) == "" {
		os.Exit(m.Run())
	}
	p, err := child.Start(exec.Command("sleep", "3600"), syscall.SIGKILL)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
}

func TestEnds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "echo said; exit 3")
	cmd.Stdout = &out
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.ExitCode() != 3 || out.String() != "said\n" {
		t.Errorf("exit code %d, %q", p.ExitCode(), out.String())
	}
	if err := p.Alive(); err == nil || !strings.Contains(err.Error(), "sh ended: exit status 3") {
		t.Errorf("alive: %v", err)
	}
	if err := p.Stop(patience); err != nil {
		t.Errorf("stopped afterwards: %v", err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	p, err := child.Start(exec.Command("sleep", "3600"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Alive(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(patience); err != nil || p.ExitCode() != -1 {
		t.Errorf("%v, exit code %d", err, p.ExitCode())
	}
}

// TestStopKills stops a process that does not listen.
func TestStopKills(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "trap '' TERM; echo ready; read -r never")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ready, says := io.Pipe()
	cmd.Stdout = says
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ready.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(10 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "sh did not end within 10ms") {
		t.Errorf("%v", err)
	}
}

func TestNoSuchProgram(t *testing.T) {
	t.Parallel()
	if _, err := child.Start(exec.Command("/no/such/program"), syscall.SIGKILL); err == nil {
		t.Error("started")
	}
}

// TestDiesWithUs kills a program that has a child.
func TestDiesWithUs(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), parentKey+"=1")
	in, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // says that it was killed
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || !strings.Contains(string(stat), "(sleep)") || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child is left")
		}
	}
}
