package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager plays systemd: it receives the states of sd_notify(3).
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn, path}
}

// told waits for a state that contains a text.
func (m *manager) told(want string) string {
	m.t.Helper()
	b := make([]byte, 4096)
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("the service manager is not told %q: %v", want, err)
		}
		if strings.Contains(string(b[:n]), want) {
			return string(b[:n])
		}
	}
}

// TestWatchdog: a service pings and reports its status, also while all its
// connections are in use. While it stops it asks for time.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "c")
	socket := filepath.Join(dir, "s")
	writeConfig(t, file, "authserv_id = \"mx.test.example\"\nlisten = [\"unix:"+socket+"\"]\nlimits.connections = 1\ndns.resolvers = [\""+testResolver(t)+"\"]\n")
	s := &serveProcess{t: t}
	s.cmd = exec.Command("sh", "-c", "WATCHDOG_PID=$$ WATCHDOG_USEC=400000 exec postvet serve --config "+file)
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path)
	s.start()
	m.told("READY=1\n")
	m.told("WATCHDOG=1")
	m.told("WATCHDOG=1")
	mta := dialMTA(t, "unix", socket)
	mta.connect("192.0.2.66", "evil.example")
	mta.end(mta.begin("x@evil.example", testMessage(t, "spoof.eml")))
	m.told("WATCHDOG=1")
	m.told("WATCHDOG=1")
	m.told("STATUS=1 message: 0 accepted, 0 held, 1 rejected, 0 deferred; 1 connection, 0 of them busy")
	body := mta.begin("x@evil.example", testMessage(t, "spoof.eml"))
	s.signal(syscall.SIGTERM)
	if state := m.told("STOPPING=1\n"); !strings.Contains(state, "EXTEND_TIMEOUT_USEC=15000000") {
		t.Errorf("told %q", state)
	}
	m.told("WATCHDOG=1")
	if state := m.told("STATUS=waiting for 1 message in flight"); !strings.Contains(state, "EXTEND_TIMEOUT_USEC=15000000") {
		t.Errorf("told %q", state)
	}
	mta.end(body)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	s.waitLog(`"msg":"waiting for messages in flight","messages":1`, 1)
}
