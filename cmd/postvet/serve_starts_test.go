package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFailedStarts: under a service manager a start that fails after many others says why and
// waits before the process ends. A signal ends the wait, and a start that succeeds ends the count.
func TestFailedStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	count, file := filepath.Join(dir, "failed-starts.json"), filepath.Join(dir, "postvet.toml")
	writeConfig(t, file, "listen = [\"inet:"+taken.Addr().String()+"\"]\n[dns]\nresolvers = [\""+testResolver(t)+"\"]\n")
	start := func(failed int, args ...string) *serveProcess {
		if failed > 0 {
			write(t, count, fmt.Sprintf(`{"n": %d, "ended": %q}`, failed, time.Now().Format(time.RFC3339)))
		}
		return startService(t, []string{"RUNTIME_DIRECTORY=" + dir}, args...)
	}
	gone := func(what string) {
		t.Helper()
		if _, err := os.Stat(count); !os.IsNotExist(err) {
			t.Errorf("%s: the count is kept: %v", what, err)
		}
	}
	s := start(0, "--config", file)
	if code := s.waitExit(); code != exitFailed || strings.Contains(strings.Join(s.log.All(), "\n"), "one after the other") {
		t.Errorf("the first one: exit code %d, %q", code, s.log.All())
	}
	for sig, want := range map[syscall.Signal]int{syscall.SIGTERM: exitDone, syscall.SIGHUP: exitFailed} {
		s := start(9, "--config", file)
		s.waitLog("postvet: cannot listen on inet:"+taken.Addr().String()+": port in use", 1)
		s.waitLog("postvet: 10 starts have failed one after the other; the next one comes in 16s, or after a signal", 1)
		s.signal(sig)
		if code := s.waitExit(); code != want {
			t.Errorf("%v: exit code %d, want %d", sig, code, want)
		}
		gone(sig.String())
	}
	s = start(5, "--config", filepath.Join(dir, "none.toml"))
	s.waitLog("none.toml: no such file", 1)
	s.waitLog("postvet: 6 starts have failed one after the other; the next one comes in 1s", 1)
	if code := s.waitExit(); code != exitFailed {
		t.Errorf("after a pause: exit code %d", code)
	}
	taken.Close()
	s = start(9, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	gone("serving")
}

// TestCrash: a crash ends the process by a signal. Go's exit code of a crash is that of a wrong
// configuration, after which systemd leaves the service down.
func TestCrash(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--listen", "unix:"+filepath.Join(t.TempDir(), "s"), "--resolver", testResolver(t))
	s.waitLog(`"msg":"serving"`, 1)
	s.signal(syscall.SIGSEGV)
	s.waitExit()
	if status := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGABRT || status.CoreDump() {
		t.Errorf("it ended with %v", s.cmd.ProcessState)
	}
}
