package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// startControlled runs a service with a control socket.
func startControlled(t *testing.T, more string) (s *serveProcess, socket, file string) {
	t.Helper()
	return startControlledBy(t, testResolver(t), more)
}

// startControlledBy is startControlled with a resolver.
func startControlledBy(t *testing.T, resolver, more string) (s *serveProcess, socket, file string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, file = filepath.Join(dir, "c"), filepath.Join(dir, "postvet.toml")
	writeConfig(t, file, controlled(dir, resolver)+more)
	s = startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	return s, socket, file
}

// controlled returns a configuration with the control socket DIR/c and the milter
// socket DIR/s.
func controlled(dir, resolver string) string {
	return "listen = [\"unix:" + dir + "/s\"]\nauthserv_id = \"mx.test.example\"\n" +
		"[control]\nsocket = \"" + dir + "/c\"\n[dns]\nresolvers = [\"" + resolver + "\"]\n"
}

func asked[T any](t *testing.T, socket string, q control.Request) (result T, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = (&control.Client{Socket: socket}).Do(ctx, q, &result)
	return result, err
}

// TestStatusBesideIdleConnections: connections that ask nothing do not keep an
// administrator from an answer.
func TestStatusBesideIdleConnections(t *testing.T) {
	t.Parallel()
	_, socket, _ := startControlled(t, "")
	for range 500 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	shortest := patience
	for range 5 {
		began := time.Now()
		if s, err := asked[control.Status](t, socket, control.Request{Do: control.DoStatus}); err != nil || s.State != control.StateServing {
			t.Fatalf("%+v, %v", s, err)
		}
		shortest = min(shortest, time.Since(began))
	}
	if shortest > time.Second { // one alone may meet a machine that stands still
		t.Errorf("each answer took %v or more", shortest)
	}
}

// TestStatusCounts: the status counts the messages, and the cache shows the
// answers to their lookups.
func TestStatusCounts(t *testing.T) {
	t.Parallel()
	_, socket, _ := startControlled(t, "")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	body := m.begin("x@evil.example", testMessage(t, "signed.eml"))

	s, err := asked[control.Status](t, socket, control.Request{Do: control.DoStatus})
	if err != nil {
		t.Fatal(err)
	}
	if s.Messages.Total != (control.Totals{Reject: 1}) || s.Messages.PerMinute.Last1.Reject <= 0 || s.Sessions != (control.Sessions{Open: 1, Busy: 1, Limit: 1000, Total: 1}) {
		t.Errorf("%+v, %+v", s.Messages, s.Sessions)
	}
	if s.Cache.Entries == 0 || s.Cache.Lookups == 0 || len(s.DNS.Upstreams) != 1 || s.DNS.Upstreams[0].Queries == 0 || s.State != control.StateServing {
		t.Errorf("%+v", s)
	}
	m.end(body)
	show := control.Request{Do: control.DoCacheShow, Name: "_dmarc.good.example", Type: "TXT"}
	c, err := asked[control.Contents](t, socket, show)
	if err != nil || len(c.Answers) != 1 || c.Answers[0].Outcome != "found" || !strings.Contains(strings.Join(c.Answers[0].Records, ""), "v=DMARC1") {
		t.Errorf("the cache shows %+v, %v", c, err)
	}
	below, err := asked[control.Contents](t, socket, control.Request{Do: control.DoCacheShow, Name: "example", Below: true})
	if err != nil || below.Total <= 1 {
		t.Errorf("below example there is %+v, %v", below, err)
	}
	if f, err := asked[control.Flushed](t, socket, control.Request{Do: control.DoCacheFlush, Name: "_dmarc.good.example"}); err != nil || f.Answers != 1 {
		t.Errorf("flushed %+v, %v", f, err)
	}
	if c, err = asked[control.Contents](t, socket, show); err != nil || c.Total != 0 {
		t.Errorf("after the flush the cache shows %+v, %v", c, err)
	}
	if c, err = asked[control.Contents](t, socket, control.Request{Do: control.DoCacheShow, Name: "example", Below: true}); err != nil || c.Total != below.Total-1 {
		t.Errorf("after the flush of one name there is %+v, %v below example", c, err)
	}
}

// TestReloadsAtOnce: many reload requests at the same time all get the answer for
// the current file.
func TestReloadsAtOnce(t *testing.T) {
	t.Parallel()
	s, socket, file := startControlled(t, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	reload := func(want string) {
		for range 8 {
			wait.Go(func() {
				_, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload})
				if got := fmt.Sprint(err); !strings.Contains(got, want) {
					t.Errorf("told %s, want %q", got, want)
				}
			})
		}
		s.signal(syscall.SIGHUP)
		wait.Wait()
	}
	for i := range 3 {
		writeConfig(t, file, "mode = \"monitor\"\n"+string(text))
		reload("<nil>")
		writeConfig(t, file, string(text)+"\n[lim")
		reload("not TOML")
		st, err := asked[control.Status](t, socket, control.Request{Do: control.DoStatus})
		if err != nil || st.Mode != "monitor" || st.Config.LastReload == nil || len(st.Config.LastReload.Errors) != 1 {
			t.Errorf("round %d: %+v, %v", i, st, err)
		}
	}
}

// TestReloadThatHangs: while a file cannot be read to its end, the service works
// and can be stopped.
func TestReloadThatHangs(t *testing.T) {
	t.Parallel()
	s, socket, file := startControlled(t, "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() {
		_, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload})
		told <- err
	}()
	s.waitLog(`"msg":"control request","do":"reload"`, 1)
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.HasPrefix(verdict, "reply 550 ") {
		t.Errorf("meanwhile a forgery got %q", verdict)
	}
	_ = m.conn.Close()
	s.signal(syscall.SIGTERM)
	if err := <-told; err == nil || !strings.Contains(err.Error(), "is stopping and reloads nothing; ") {
		t.Errorf("who waits is told %v", err)
	}
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestControlWhileDraining: the service shows its status and refuses to reload.
func TestControlWhileDraining(t *testing.T) {
	t.Parallel()
	s, socket, _ := startControlled(t, "")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.1", "mx.good.example")
	body := m.begin("bounce@good.example", testMessage(t, "signed.eml"))
	s.signal(syscall.SIGTERM)
	s.waitLog(`"msg":"stopping"`, 1)
	st, err := asked[control.Status](t, socket, control.Request{Do: control.DoStatus})
	if err != nil || st.State != control.StateDraining || st.Drain == nil || st.Drain.Until.Sub(st.Drain.Since) != time.Minute || st.Sessions.Busy != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	var r *control.Refusal
	if _, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload}); !errors.As(err, &r) || r.Code != control.CodeBusy {
		t.Errorf("a reload while draining: %v", err)
	}
	if out, err := exec.Command("postvet", "reload", "--socket", socket).CombinedOutput(); exitCodeOf(err) != exitFailed || !strings.Contains(string(out), "is stopping") {
		t.Errorf("postvet reload: %v, %s", err, out)
	}
	if out, err := exec.Command("postvet", "status", "--health", "--socket", socket).CombinedOutput(); exitCodeOf(err) != exitNo || !strings.HasPrefix(string(out), "not ready\nstopping: ") {
		t.Errorf("postvet status --health: %v, %s", err, out)
	}
	m.end(body)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the control socket is left: %v", err)
	}
}

func exitCodeOf(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return 0
}

// copyOfPostvet copies the command into a folder, since the test binary may lie in one
// that others cannot enter.
func copyOfPostvet(t *testing.T, folder string) string {
	t.Helper()
	binary, err := exec.LookPath("postvet")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "postvet")
	b, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	// A child of another test that is being started would keep the file open for writing, and
	// then it cannot be run (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(copied, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestControlOfStrangers: another user cannot connect to the socket. If its access
// rights are too wide, the service denies the request.
func TestControlOfStrangers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	_, socket, _ := startControlled(t, "")
	if err := os.Chmod(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := copyOfPostvet(t, filepath.Dir(socket))
	const nobody = 65534
	for _, tc := range []struct {
		name string
		mode os.FileMode
		gids []uint32
		says string
	}{
		{"as it is made", 0, nil, "permission denied for user 65534 at "},
		{"open to all", 0o666, nil, "user 65534 may not control this service; become root"},
		{"open to all, in root's group", 0o666, []uint32{0}, "user 65534 may not control this service; become root"},
	} {
		if tc.mode != 0 {
			if err := os.Chmod(socket, tc.mode); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(copied, "status", "--socket", socket)
		cmd.Args[0] = "postvet" // the name makes the test binary the command
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: tc.gids}}
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); exitCodeOf(err) != exitFailed || !strings.Contains(string(out), tc.says) {
			t.Errorf("%s: %v, %s", tc.name, err, out)
		}
	}
}

// TestRestartKeepsPassedSocket starts services one after the other on sockets that
// stay open, as systemd does. A client that connects in between is not refused,
// and the next service serves it.
func TestRestartKeepsPassedSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []*os.File
	var addrs []net.Addr
	for _, l := range []func() (net.Listener, error){
		func() (net.Listener, error) { return net.Listen("unix", filepath.Join(dir, "p")) },
		func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") },
	} {
		l, err := l()
		f := passing(t, l, err)
		files, addrs = append(files, f), append(addrs, l.Addr())
	}
	resolver := testResolver(t)
	start := func() *serveProcess {
		s := &serveProcess{t: t}
		s.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=postfix:sendmail exec postvet serve --config testdata/always.toml --listen systemd:postfix --listen systemd:sendmail --authserv-id mx.test.example --resolver `+resolver)
		s.cmd.ExtraFiles = files
		return s.start()
	}
	forge := func(m *milterClient) {
		t.Helper()
		m.connect("192.0.2.66", "evil.example")
		if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
			t.Errorf("a forgery got %q", verdict)
		}
	}
	s := start()
	for round := range 3 {
		s.waitLog(`"msg":"serving"`, 1)
		for _, a := range addrs {
			forge(dialMTA(t, a.Network(), a.String()))
		}
		s.signal(syscall.SIGTERM)
		if code := s.waitExit(); code != exitDone {
			t.Fatalf("round %d: exit code %d", round, code)
		}
		// No service runs. These connect at once and wait for an answer.
		var waiting []net.Conn
		for _, a := range addrs {
			for range 3 {
				c, err := net.DialTimeout(a.Network(), a.String(), patience)
				if err != nil {
					t.Fatalf("round %d: refused: %v", round, err)
				}
				waiting = append(waiting, c)
			}
		}
		s = start()
		for _, c := range waiting {
			forge(greetMTA(t, c))
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "p")); err != nil {
		t.Errorf("the passed socket's file is gone: %v", err)
	}
	s.signal(syscall.SIGTERM)
	s.waitExit()
}

// passing returns a descriptor of a listener for a process to inherit.
func passing(t *testing.T, l net.Listener, err error) *os.File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestPassedSocketWithoutListener: a passed socket that listen does not name is
// logged.
func TestPassedSocketWithoutListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	f := passing(t, l, err)
	s := &serveProcess{t: t}
	s.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=other exec postvet serve --listen inet:127.0.0.1:0 --authserv-id mx.test.example --resolver 127.0.0.1:1`)
	s.cmd.ExtraFiles = []*os.File{f}
	s.start()
	if line := s.waitLog("systemd passed a socket that listen does not name", 1); !strings.Contains(line, `"socket":"other"`) {
		t.Error(line)
	}
}
