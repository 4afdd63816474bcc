package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// serveProcess is a running "postvet serve" and its log. It ends with the test
// binary, also when that runs into its time limit or is killed.
type serveProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	proc *child.Process
	log  child.Lines
}

// startService runs the real command with env added to the environment.
func startService(t *testing.T, env []string, args ...string) *serveProcess {
	t.Helper()
	s := &serveProcess{t: t, cmd: exec.Command("postvet", append([]string{"serve"}, args...)...)}
	s.cmd.Env = append(os.Environ(), env...)
	return s.start()
}

func (s *serveProcess) start() *serveProcess {
	s.t.Helper()
	s.cmd.Stderr = &s.log
	var err error
	if s.proc, err = child.Start(s.cmd, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.proc.Kill()
		if s.t.Failed() {
			s.t.Logf("the log:\n%s", strings.Join(s.log.All(), "\n"))
		}
	})
	return s
}

// waitLog waits for the nth log line that contains a text, and returns it.
func (s *serveProcess) waitLog(text string, nth int) string {
	s.t.Helper()
	n := 0
	line, err := s.log.Await(patience, s.proc.Done(), func(line string) bool {
		if strings.Contains(line, text) {
			n++
		}
		return n == nth
	})
	if err != nil {
		s.t.Fatalf("the log does not say %q %d times: %v", text, nth, err)
	}
	return line
}

func (s *serveProcess) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.proc.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// waitExit waits for the end and returns the exit code.
func (s *serveProcess) waitExit() int {
	s.t.Helper()
	select {
	case <-s.proc.Done():
		return s.proc.ExitCode()
	case <-time.After(patience):
		s.t.Fatal("still running")
		return -1
	}
}

func testMessage(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/messages", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testResolver(t *testing.T) string {
	t.Helper()
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	s, err := dnstest.NewServer(string(zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Addr()
}

// writeConfig replaces a configuration in one step, since an earlier reload may still read
// it. p=reject is enough for a refusal unless the text says otherwise, as most tests are
// about something else than evidence.
func writeConfig(t *testing.T, file, text string) {
	t.Helper()
	text = refusing(text)
	next := file + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, file)); err != nil {
		t.Fatal(err)
	}
}

// refusing returns a configuration of a service with on_reject = "always", unless it has
// the key. It returns other files as they are.
func refusing(text string) string {
	const key = "on_reject = \"always\"\n"
	switch {
	case strings.Contains(text, "on_reject"), !strings.Contains(text, "listen = "):
		return text
	case strings.Contains(text, "[policy]\n"):
		return strings.Replace(text, "[policy]\n", "[policy]\n"+key, 1)
	}
	return strings.TrimSuffix(text, "\n") + "\n[policy]\n" + key
}

// TestReload changes the configuration under an open connection.
func TestReload(t *testing.T) {
	t.Parallel()
	dir, resolver := t.TempDir(), testResolver(t)
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "postvet.toml")
	base := "listen = [\"unix:" + socket + "\"]\nauthserv_id = \"mx.test.example\"\n"
	dns := "[dns]\nresolvers = [\"" + resolver + "\"]\n"
	writeConfig(t, file, base+dns)
	s := startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)

	spoof := testMessage(t, "spoof.eml")
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.66", "evil.example")
	if _, verdict := m.end(m.begin("x@evil.example", spoof)); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
		t.Fatalf("a forgery got %q", verdict)
	}

	// A file with faults: all are logged, and the old rules stay.
	writeConfig(t, file, "mode = \"monitor\"\nlisten = 5\n[dns]\ntimeout = \"x\"\n")
	s.signal(syscall.SIGHUP)
	line := s.waitLog("configuration refused, the old one stays in force", 2)
	if !strings.Contains(line, file+`:4: dns.timeout: `) {
		t.Errorf("the log says %s", line)
	}
	if _, verdict := m.end(m.begin("x@evil.example", spoof)); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
		t.Fatalf("after a refused configuration a forgery got %q", verdict)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	s.waitLog("no such file or directory", 1)

	// A valid file counts for the next message on the same connection. A message in
	// flight keeps the rules it began with.
	body := m.begin("x@evil.example", spoof)
	writeConfig(t, file, "mode = \"monitor\"\ndrain_timeout = \"5s\"\n"+strings.Replace(base, "unix:", "local:", 1)+dns+"timeout = \"4s\"\n")
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 1)
	s.waitLog("listen changed, which needs a restart", 1)
	s.waitLog("new resolver", 1)
	if _, verdict := m.end(body); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
		t.Fatalf("a message in flight got %q", verdict)
	}
	changes, verdict := m.end(m.begin("x@evil.example", spoof))
	if verdict != "c" && verdict != "a" {
		t.Fatalf("in monitor mode a forgery got %q", verdict)
	}
	if all := strings.Join(changes, "\n"); !strings.Contains(all, "dmarc=fail") || !strings.Contains(all, "mx.test.example") {
		t.Errorf("changes %q", changes)
	}
	s.signal(syscall.SIGTERM)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestDrain stops the service inside a message, which still gets its verdict.
func TestDrain(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	s := startService(t, nil, "--listen", "unix:"+socket, "--resolver", testResolver(t), "--authserv-id", "mx.test.example")
	s.waitLog(`"msg":"serving"`, 1)
	idle, busy := dialMTA(t, "unix", socket), dialMTA(t, "unix", socket)
	idle.connect("192.0.2.1", "mx.good.example")
	busy.connect("192.0.2.1", "mx.good.example")
	body := busy.begin("bounce@good.example", testMessage(t, "signed.eml"))

	s.signal(syscall.SIGTERM)
	s.waitLog(`"msg":"stopping"`, 1)
	if _, _, err := idle.tryRead(); err == nil {
		t.Error("the idle connection stays open")
	}
	if c, err := net.Dial("unix", socket); err == nil {
		t.Error("the socket still takes connections")
		c.Close()
	}
	changes, verdict := busy.end(body)
	if verdict != "c" && verdict != "a" || !strings.Contains(strings.Join(changes, "\n"), "dmarc=pass") {
		t.Errorf("the message in flight got %q, %q", changes, verdict)
	}
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	s.waitLog(`"msg":"stopped"`, 1)
}

// TestSecondSignal: the second signal stops the service at once.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	s := startService(t, nil, "--listen", "unix:"+socket, "--resolver", testResolver(t))
	s.waitLog(`"msg":"serving"`, 1)
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.1", "mx.good.example")
	m.begin("bounce@good.example", testMessage(t, "signed.eml"))
	s.signal(syscall.SIGTERM)
	s.waitLog(`"msg":"stopping"`, 1)
	s.signal(syscall.SIGINT)
	s.waitLog(`"msg":"stopping at once"`, 1)
	if code := s.waitExit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	s.waitLog("postvet: 1 connections closed by force, 1 of them inside a message; ", 1)
}

// TestDrainTimeout: the service does not wait for a message that never ends.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "c")
	writeConfig(t, file, "drain_timeout = \"1s\"\n")
	s := startService(t, nil, "--config", file, "--listen", "unix:"+socket, "--resolver", testResolver(t))
	s.waitLog(`"msg":"serving"`, 1)
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.1", "mx.good.example")
	m.begin("bounce@good.example", testMessage(t, "signed.eml"))
	s.signal(syscall.SIGTERM)
	if code := s.waitExit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

// TestSystemd plays the service manager: it passes a socket and receives the
// states.
func TestSystemd(t *testing.T) {
	t.Parallel()
	manager := newManager(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	passed := passing(t, l, err)

	s := &serveProcess{t: t}
	s.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec postvet serve --resolver `+testResolver(t))
	s.cmd.ExtraFiles = []*os.File{passed}
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+manager.path)
	s.start()
	told := manager.told
	if state := told("READY=1\n"); !strings.Contains(state, l.Addr().String()) {
		t.Errorf("told %q, which does not name the passed socket", state)
	}
	dialMTA(t, "tcp", l.Addr().String()).connect("192.0.2.1", "mx.good.example")
	s.signal(syscall.SIGHUP)
	if state := told("RELOADING=1\n"); !strings.Contains(state, "MONOTONIC_USEC=") {
		t.Errorf("told %q", state)
	}
	told("READY=1\n")
	s.signal(syscall.SIGTERM)
	told("STOPPING=1\n")
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestLogIsJSON: without a terminal each log line is a JSON object.
func TestLogIsJSON(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	s := startService(t, nil, "--config", "testdata/always.toml", "--listen", "unix:"+socket, "--resolver", testResolver(t), "--authserv-id", "mx.test.example")
	s.waitLog(`"msg":"serving"`, 1)
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	var line map[string]any
	if err := json.Unmarshal([]byte(s.waitLog(`"msg":"message"`, 1)), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"action": "reject", "rule": "dmarc-reject", "client": "192.0.2.66", "level": "info"} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
	for _, text := range s.log.All() {
		if json.Unmarshal([]byte(text), &line) != nil {
			t.Errorf("not JSON: %s", text)
		}
	}
}
