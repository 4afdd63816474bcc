//go:build linux

package packaging_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/contrib/child"
)

// machine is a scratch Debian that runs with systemd as its first process, in
// namespaces of its own. Its network is only a loopback.
type machine struct {
	root string
	pid  int // of its first process
	// enter has nsenter enter the namespaces, which are held open: should the machine
	// end early, its process id could become that of a process of this system, and a
	// command meant for the machine would install packages here.
	enter []string
	net   *os.File // the namespace of its network
	proc  *child.Process
	log   child.Lines
}

// patience bounds each wait. It only guards against waiting for ever.
const patience = 3 * time.Minute

// boot starts a machine in a root and stops it at the test's end.
func boot(t *testing.T, root string) *machine {
	t.Helper()
	tools(t, "systemd-nspawn", "nsenter")
	m := &machine{root: root}
	cmd := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
		"--resolv-conf=off", "-D", root, "--boot")
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &m.log, &m.log, 10*time.Second // what it leaves may hold the log open
	var err error
	if m.proc, err = child.Start(cmd, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(t) })
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		// The first child is still outside of the machine, where a command
		// would change this system. It ends when it has made the machine.
		if pid := onlyChild(m.proc.Pid()); pid != 0 && inside(pid) && (m.enter != nil || m.hold(t, pid)) {
			m.pid = pid
			out, _ := m.command(t.Context(), "systemctl", "is-system-running").Output()
			if s := strings.TrimSpace(string(out)); s == "running" || s == "degraded" {
				t.Cleanup(func() { m.journal(t) })
				return m
			}
		}
		if err := m.proc.Alive(); err != nil {
			t.Fatalf("the machine does not start: %v", err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the machine does not start within %v", patience)
		}
	}
}

// hold opens the namespaces of the machine until the test's end. It reports whether they
// differ from those of this system.
func (m *machine) hold(t *testing.T, pid int) bool {
	t.Helper()
	var enter []string
	for _, n := range [][2]string{{"mount", "mnt"}, {"uts", "uts"}, {"ipc", "ipc"}, {"net", "net"}, {"pid", "pid"}} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, n[1]))
		if err != nil {
			return false
		}
		t.Cleanup(func() { f.Close() })
		own, err1 := os.Stat("/proc/self/ns/" + n[1])
		its, err2 := f.Stat()
		if err := errors.Join(err1, err2); err != nil || os.SameFile(own, its) {
			return false
		}
		if n[1] == "net" {
			m.net = f
		}
		enter = append(enter, fmt.Sprintf("--%s=/proc/%d/fd/%d", n[0], os.Getpid(), f.Fd()))
	}
	m.enter = enter
	return true
}

// journal shows the machine's log if the test fails.
func (m *machine) journal(t *testing.T) {
	if t.Failed() {
		out, _ := m.command(context.Background(), "journalctl", "--no-pager", "-n", "80").CombinedOutput()
		t.Logf("--- the machine's journal ---\n%s", out)
	}
}

// onlyChild returns the one child of a process, 0 while there is none.
func onlyChild(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// inside reports whether a process is the first one of a namespace of process
// ids other than ours.
func inside(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			return len(f) > 1 && f[len(f)-1] == "1"
		}
	}
	return false
}

// TestInside has two children, one of them in a namespace.
func TestInside(t *testing.T) {
	t.Parallel()
	for _, flags := range []uintptr{0, syscall.CLONE_NEWPID} {
		cmd := exec.CommandContext(t.Context(), "cat")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); errors.Is(err, os.ErrPermission) {
			t.Skipf("skipped: no right to make a namespace: %v", err)
		} else if err != nil {
			t.Fatal(err)
		}
		if got, want := inside(cmd.Process.Pid), flags != 0; got != want {
			t.Errorf("with the flags %#x: inside %t, want %t", flags, got, want)
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func (m *machine) stop(t *testing.T) {
	_ = m.proc.Signal(syscall.SIGTERM) // has systemd-nspawn shut it down
	select {
	case <-m.proc.Done():
	case <-time.After(patience):
		if m.pid != 0 { // without systemd-nspawn it would go on
			_ = syscall.Kill(m.pid, syscall.SIGKILL)
		}
		m.proc.Kill()
		t.Error("the machine did not shut down")
	}
	if t.Failed() {
		t.Logf("--- systemd-nspawn ---\n%s", strings.Join(m.log.All(), "\n"))
	}
}

func (m *machine) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", slices.Concat(m.enter, []string{"--"}, argv)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	cmd.Dir = "/"
	return cmd
}

// run runs a command inside and returns what it printed.
func (m *machine) run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := m.command(t.Context(), argv...).CombinedOutput()
	if err != nil {
		t.Fatalf("in the machine: %s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// property returns a property of a unit.
func (m *machine) property(t *testing.T, unit, name string) string {
	t.Helper()
	return m.run(t, "systemctl", "show", "--value", "-p", name, unit)
}

// onNetwork calls f on a thread in the machine's network. Sockets that f opens
// stay there.
func (m *machine) onNetwork(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with its goroutine.
		runtime.LockOSThread()
		err := unix.Setns(int(m.net.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// eventually waits until the machine has done something.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
