package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
	"github.com/postvet/postvet/contrib/child"
)

// tracer is a running "postvet trace".
type tracer struct {
	t    *testing.T
	proc *child.Process
	out  child.Lines
	err  child.Lines
}

// startTracer runs the command and waits until the service traces.
func startTracer(t *testing.T, socket string, args ...string) *tracer {
	t.Helper()
	r := &tracer{t: t}
	cmd := exec.Command("postvet", append([]string{"trace", "--socket", socket}, args...)...)
	cmd.Stdout, cmd.Stderr = &r.out, &r.err
	var err error
	if r.proc, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.proc.Kill)
	if _, err := r.err.Await(patience, r.proc.Done(), func(line string) bool { return strings.HasPrefix(line, "traces messages until ") }); err != nil {
		t.Fatalf("%v: %q", err, r.err.All())
	}
	return r
}

// wait waits for the end, and returns the exit code and what was printed.
func (r *tracer) wait() (code int, out, notes string) {
	r.t.Helper()
	select {
	case <-r.proc.Done():
	case <-time.After(patience):
		r.t.Fatal("still tracing")
	}
	return r.proc.ExitCode(), strings.Join(r.out.All(), "\n"), strings.Join(r.err.All(), "\n")
}

// TestTrace: the messages that are selected are shown with every step, on a connection
// that was open before too.
func TestTrace(t *testing.T) {
	t.Parallel()
	s, socket, _ := startControlled(t, "")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))

	text := startTracer(t, socket, "--from", "evil.example", "--client", "192.0.2.0/24", "--count", "1", "--color", "never")
	asJSON := startTracer(t, socket, "--json", "--count", "2")
	m.end(m.begin("y@other.example", testMessage(t, "quarantine.eml")))
	_, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	if !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
		t.Errorf("a forgery got %q while it is traced", verdict)
	}
	code, out, notes := text.wait()
	if code != exitDone || !strings.Contains(notes, "1 message shown") {
		t.Errorf("exit code %d, %s", code, notes)
	}
	for _, want := range []string{
		"sender   MAIL FROM x@evil.example", "verdict  reject     550 5.7.26", "\nSPF of MAIL FROM: may the client send",
		"  dns    TXT evil.example: ", "the rule \"dmarc-reject\" decides: reject", "the client is told: 550 5.7.26",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "other.example") || strings.Count(out, "== ") != 1 {
		t.Errorf("shows what was not asked for:\n%s", out)
	}
	code, out, _ = asJSON.wait()
	lines := strings.Split(out, "\n")
	if code != exitDone || len(lines) != 2 {
		t.Fatalf("exit code %d, %d lines", code, len(lines))
	}
	for i, line := range lines {
		lacking(t, line)
		var v struct {
			At       time.Time
			MailFrom string `json:"mail_from"`
			Early    *bool
			LeftOut  *int `json:"left_out"`
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.MailFrom != []string{"y@other.example", "x@evil.example"}[i] || v.Early == nil || v.LeftOut == nil || time.Since(v.At) > patience {
			t.Errorf("%v: %.300s", err, line)
		}
	}
	s.waitLog(`"msg":"control request","do":"trace"`, 2)
	// Nobody watches any more, and the next message of the connection has no trace.
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
}

// TestTraceIsAsCheckShowsIt: the steps are those of check for the same message.
func TestTraceIsAsCheckShowsIt(t *testing.T) {
	t.Parallel()
	_, socket, file := startControlled(t, "")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	r := startTracer(t, socket, "--json", "--count", "1")
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "quarantine.eml")))
	_, live, _ := r.wait()
	_, checked, _ := runIn(t, "check", "--json", "--trace", "--config", file, "--ip", "192.0.2.66", "--helo", "evil.example", "--mail-from", "x@evil.example", "testdata/messages/quarantine.eml")
	steps := func(report string) map[string]bool {
		var v struct {
			Trace []struct{ What, Check, Text string }
		}
		if err := json.Unmarshal([]byte(report), &v); err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, e := range v.Trace {
			if e.What != "dns" { // those have times, and depend on the cache
				all[e.Check+": "+e.Text] = true
			}
		}
		return all
	}
	got, want := steps(live), steps(checked)
	for step := range want {
		if !got[step] {
			t.Errorf("the live trace lacks %q", step)
		}
	}
	for step := range got {
		if !want[step] {
			t.Errorf("only the live trace has %q", step)
		}
	}
	if len(want) < 10 {
		t.Errorf("only %d steps", len(want))
	}
}

// TestTraceEnds: with Ctrl-C, and with the service.
func TestTraceEnds(t *testing.T) {
	t.Parallel()
	s, socket, _ := startControlled(t, "")
	interrupted := startTracer(t, socket)
	if err := interrupted.proc.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, out, notes := interrupted.wait(); code != exitDone || out != "" || !strings.Contains(notes, "0 messages shown") {
		t.Errorf("exit code %d, %q, %q", code, out, notes)
	}
	left := startTracer(t, socket)
	s.signal(syscall.SIGTERM)
	if code, _, notes := left.wait(); code != exitFailed || !strings.Contains(notes, "the service has stopped") {
		t.Errorf("exit code %d, %q", code, notes)
	}
	if code := s.waitExit(); code != exitDone {
		t.Errorf("the service ends with %d", code)
	}
}

// TestTraceOfSlowReader: a client that takes nothing delays no mail, and others are
// refused once too many watch. A client that leaves makes room.
func TestTraceOfSlowReader(t *testing.T) {
	t.Parallel()
	_, socket, _ := startControlled(t, "")
	var all []net.Conn
	for range livetrace.MaxWatchers {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, `{"v":1,"do":"trace"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, `"begin"`) {
			t.Fatalf("%q, %v", line, err)
		}
		all = append(all, c)
	}
	out, err := exec.Command("postvet", "trace", "--socket", socket).CombinedOutput()
	if exitCodeOf(err) != exitFailed || !strings.Contains(string(out), "4 traces are running, more are not possible") {
		t.Errorf("%v: %s", err, out)
	}
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	for range 200 { // more than sockets and queues hold
		if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.HasPrefix(verdict, "reply 550 5.7.26 ") {
			t.Fatalf("a forgery got %q", verdict)
		}
	}
	for _, c := range all {
		_ = c.Close()
	}
	// The service notices in its own time.
	if !eventually(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err = (&control.Client{Socket: socket}).Stream(ctx, control.Request{Do: control.DoTrace, Count: 1}, func(json.RawMessage) error { return io.EOF })
		return err == io.EOF
	}) {
		t.Fatalf("no room after all have left: %v", err)
	}
}

// TestTraceOfStrangers: another user sees nobody's mail.
func TestTraceOfStrangers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	_, socket, _ := startControlled(t, "")
	if err := os.Chmod(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	copied := copyOfPostvet(t, filepath.Dir(socket))
	cmd := exec.Command(copied, "trace", "--socket", socket, "--for", "1s")
	cmd.Args[0] = "postvet" // the name makes the test binary the command
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); exitCodeOf(err) != exitFailed || !strings.Contains(string(out), "user 65534 may not control this service") {
		t.Errorf("%v: %s", err, out)
	}
}
