package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Numbers and paths that differ from run to run.
var varying = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "HH:MM:SS"},
	{regexp.MustCompile(`postvet \S+( commit \S+)?( \(modified\))? go\S+ \w+/\w+`), "postvet VERSION"},
	{regexp.MustCompile(`pid \d+`), "pid N"},
	{regexp.MustCompile(`\b\d+s\b`), "Ns"},
	{regexp.MustCompile(`/\S+/pv\d+`), "/DIR"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`in \d+\.\d ms`), "in N ms"},
	{regexp.MustCompile(`\d+ asked`), "N asked"},
	{regexp.MustCompile(`;\s+\d+\s+sent\s+again,\s+now\s+after\s+\d+\s+ms,\s+\d+\s+of\s+them\s+lost`), ""}, // on a busy machine
	{regexp.MustCompile(`\d+ answers?, \d+\.\d [KM]B`), "N answers, N KB"},
	{regexp.MustCompile(`\d+\.\d% hits of \d+`), "N% hits of N"},
	{regexp.MustCompile(`(?m)( +\d+\.\d){3}$`), " RATES"},
}

func normalise(s string) string {
	for _, v := range varying {
		s = v.what.ReplaceAllString(s, v.with)
	}
	return s
}

// TestWatch looks at "status --watch" on a real terminal: what it shows after a
// message, in another size and while the service is away, and that the terminal
// is as before when Ctrl-C was pressed.
func TestWatch(t *testing.T) {
	t.Parallel()
	s, socket, file := startControlled(t, "")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	_ = m.conn.Close()

	watch := exec.Command("postvet", "status", "--watch", "300ms", "--socket", socket)
	term := startOn(t, 80, 24, watch)
	frame := term.wait("0 open of 1000, 0 inside a message; 1 since the start")
	golden := "testdata/golden/watch.txt"
	got := normalise(frame)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the terminal shows\n%s\nwant\n%s", got, want)
	}

	term.resize(50, 10)
	term.wait("Ctrl-C ends\n") // drawn anew, nothing scrolled
	narrow := term.wait("listens")
	if lines := strings.Split(strings.TrimSuffix(narrow, "\n"), "\n"); len(lines) > 10 || !strings.HasPrefix(lines[0], "postvet status") {
		t.Errorf("on a small terminal\n%s", narrow)
	}
	term.resize(100, 30)
	term.wait("log       info")

	// It waits for the service to come back.
	s.signal(syscall.SIGTERM)
	s.waitExit()
	away := term.wait("AWAY: no service at ")
	if !strings.Contains(away, "mx.test.example") {
		t.Errorf("the last status is gone:\n%s", away)
	}
	startService(t, nil, "--config", file).waitLog(`"msg":"serving"`, 1)
	term.wait("0 since the start")
	if strings.Contains(term.text(), "AWAY") {
		t.Error("still away")
	}

	term.keys("\x03")
	done := make(chan error, 1)
	go func() { done <- watch.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("after Ctrl-C: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	<-term.ended
	if term.on != 0 || !term.cursor || len(term.unknown) > 0 || strings.Contains(term.text(), "postvet status") {
		t.Errorf("the terminal is not as before: screen %d, cursor %v, unknown sequences %q\n%s", term.on, term.cursor, term.unknown, term.text())
	}
}

// TestWatchWithoutTerminal: one text after the other, until a signal.
func TestWatchWithoutTerminal(t *testing.T) {
	t.Parallel()
	_, socket, _ := startControlled(t, "")
	for _, asJSON := range []string{"--json=false", "--json=true"} {
		watch := exec.Command("postvet", "status", asJSON, "--watch=200ms", "--socket", socket)
		out, err := watch.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		buf := make([]byte, 4096)
		for end := time.Now().Add(patience); strings.Count(b.String(), "mx.test.example") < 3 && time.Now().Before(end); {
			n, err := out.Read(buf)
			b.Write(buf[:n])
			if err != nil {
				break
			}
		}
		_ = watch.Process.Signal(syscall.SIGINT)
		if err := watch.Wait(); err != nil || strings.Count(b.String(), "mx.test.example") < 3 || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: %v, %q", asJSON, err, b.String())
		}
	}
}
