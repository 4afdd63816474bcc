package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the expected reports in testdata")

// Tests wait for other processes more than they compute, so more of them run at a time than
// there are processors.
const atATime = "8"

// raceOptions are those of the race detector for the commands that tests run, some hundred. A
// command looks this long for races at its end, where the default is a second.
const raceOptions = "atexit_sleep_ms=20"

func TestMain(m *testing.M) {
	// The service does not start with variables of tests, such as POSTVET_REQUIRE_MTA.
	// As the command itself, this program leaves the environment as it is.
	if filepath.Base(os.Args[0]) != "postvet" {
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "POSTVET_") {
				_ = os.Unsetenv(name)
			}
		}
	}
	if runtime.GOMAXPROCS(0) < 8 {
		_ = flag.Set("test.parallel", atATime) // -parallel has the last word
	}
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", raceOptions)
	}
	testscript.Main(m, map[string]func(){"postvet": main})
}

// TestScript runs testdata/script/*.txtar against the real command. A script
// has a DNS server that serves testdata/zone at $RESOLVER, one that answers
// nothing but SERVFAIL at $BROKEN, and the messages at $MESSAGES.
func TestScript(t *testing.T) {
	t.Parallel()
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := filepath.Abs("testdata/messages")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			for name, text := range map[string]string{"RESOLVER": string(zone), "BROKEN": "$FAULT * * SERVFAIL"} {
				s, err := dnstest.NewServer(text)
				if err != nil {
					return err
				}
				e.Defer(func() { _ = s.Close() })
				e.Setenv(name, s.Addr())
			}
			e.Setenv("MESSAGES", messages)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode, "waitfor": waitFor, "waitforservice": waitForService},
	})
}

// exitCode is the script command "code N COMMAND...": it runs a command, which
// must end with exit code N, and keeps what it wrote for stdout and stderr.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var code interface{ ExitCode() int }
		if c, ok := err.(interface{ ExitCode() int }); ok {
			code = c
			got = code.ExitCode()
		} else {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// runIn is run without standard input, for tests in the same process.
func runIn(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var o, e bytes.Buffer
	code = run(args, null, &o, &e)
	return code, o.String(), e.String()
}

// runFor is runIn for a wanted exit code.
func runFor(t *testing.T, want int, args ...string) (out, errOut string) {
	t.Helper()
	code, out, errOut := runIn(t, args...)
	if code != want {
		t.Errorf("%q: exit code %d, want %d: %s%s", args, code, want, out, errOut)
	}
	return out, errOut
}

var errorLine = regexp.MustCompile(`^postvet: (.+; |cannot listen on .+: ).+\n$`)

// TestErrorsAreOneLineWithRemedy looks at every way to use the command wrongly.
func TestErrorsAreOneLineWithRemedy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tc := range []struct {
		code int
		args []string
	}{
		{2, []string{"serv"}},
		{2, []string{"--nonsense"}},
		{2, []string{"help", "serv"}},
		{2, []string{"help", "config", "chek"}},
		{2, []string{"serve", "extra"}},
		{2, []string{"serve", "--listen"}},
		{2, []string{"serve", "--listen", ""}},
		{2, []string{"serve", "--listen", "inet:127.0.0.1:99999"}},
		{2, []string{"serve", "--resolver", "127.0.0.1:0"}},
		{2, []string{"serve", "--dns-timeout", "never"}},
		{2, []string{"serve", "--dns-timeout", "-1s"}},
		{2, []string{"serve", "--mode", "test"}},
		{2, []string{"serve", "--authserv-id", "a b"}},
		{2, []string{"serve", "--config", "internal/config/testdata/invalid-listen-port.toml"}},
		{3, []string{"serve", "--config", filepath.Join(dir, "absent.toml")}},
		{3, []string{"serve", "--config", dir}},
		{3, []string{"serve", "--config", ""}},
		{3, []string{"serve", "--listen", "unix:" + dir + "/missing/postvet.sock"}},
		{3, []string{"serve", "--listen", "unix:" + dir}},
		{2, []string{"check"}},
		{2, []string{"check", "a", "b"}},
		{2, []string{"check", "--ip", ""}},
		{2, []string{"check", "--ip", "192.0.2.256"}},
		{2, []string{"check", "--ip", "192.0.2.0/24"}},
		{2, []string{"check", "--ip", "192.0.2.1", "--at", "yesterday"}},
		{2, []string{"check", "--ip", "192.0.2.1", "--at", "-1"}},
		{2, []string{"check", "--ip", "192.0.2.1", "--at", ""}},
		{2, []string{"check", "--ip", "192.0.2.1", "--resolver", "a b"}},
		{2, []string{"check", "--ip", "192.0.2.1", "--config", "internal/config/testdata/invalid-listen-port.toml"}},
		{3, []string{"check", filepath.Join(dir, "absent.eml")}},
		{3, []string{"check", dir}},
		{3, []string{"check", ""}},
		{2, []string{"config", "chek"}},
		{2, []string{"config", "check"}},
		{2, []string{"config", "check", ""}},
		{2, []string{"config", "check", "a", "b"}},
		{2, []string{"config", "check", "--config", "a", "b"}},
		{1, []string{"config", "check", "internal/config/testdata/invalid-listen-port.toml"}},
		{3, []string{"config", "check", filepath.Join(dir, "absent.toml")}},
		{3, []string{"config", "check", dir}},
		{2, []string{"config", "show", "internal/config/testdata/invalid-listen-port.toml"}},
		{3, []string{"config", "show", filepath.Join(dir, "absent.toml")}},
		{2, []string{"config", "default", "x"}},
		{2, []string{"version", "x"}},
		{2, []string{"domain"}},
		{2, []string{"domain", "a.example", "b.example"}},
		{2, []string{"domain", "--color", "blue", "a.example"}},
		{2, []string{"domain", "--dns-timeout", "5", "a.example"}},
		{2, []string{"domain", "not a domain"}},
		{2, []string{"domain", ""}},
		{2, []string{"domain", "--file", "a", "b.example"}},
		{2, []string{"domain", "--file", "a", "--since", "7d"}},
		{2, []string{"domain", "--since", "yesterday", "--journal", dir, "a.example"}},
		{2, []string{"domain", "--since", "7d", "--journal", dir, "a b"}},
		{2, []string{"domain", "--since", "7d", "--sender", "a.example"}},
		{3, []string{"domain", "--since", "7d", "--journal", filepath.Join(dir, "absent"), "a.example"}},
		{3, []string{"domain", "--file", filepath.Join(dir, "absent")}},
		{3, []string{"domain", "--file", dir}},
		{2, []string{"route"}},
		{2, []string{"route", ""}},
		{2, []string{"route", "a.example"}},
		{2, []string{"route", "@a.example"}},
		{2, []string{"route", "ann@"}},
		{2, []string{"route", "ann@[192.0.2.300]"}},
		{2, []string{"route", "ann@\x1b[2J.example"}},
		{2, []string{"route", "--color", "blue", "ann@a.example"}},
	} {
		code, out, errOut := runIn(t, tc.args...)
		if code != tc.code || out != "" || !errorLine.MatchString(errOut) {
			t.Errorf("%q: exit code %d, want %d; output %q, error %q", tc.args, code, tc.code, out, errOut)
		}
	}
}

// TestOutputThatCannotBeWritten: a full disk is not "done".
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"config", "default"}, {"config", "show"}, {"version"}} {
		var e bytes.Buffer
		if code := run(args, nil, full{}, &e); code != exitFailed || !errorLine.MatchString(e.String()) {
			t.Errorf("%q: exit code %d, error %q", args, code, e.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left on device") }

// patience bounds each wait. It only guards against waiting for ever: a busy
// machine may take its time.
const patience = 2 * time.Minute

// withinDay makes sure that a test which takes at most d runs within one day (UTC): if less is left,
// it waits for midnight. Just after midnight it waits too, as messages may be a second old.
func withinDay(t *testing.T, d time.Duration) {
	t.Helper()
	const since = 2 * time.Second // midnight
	begin := time.Now().UTC().Truncate(24 * time.Hour)
	if time.Until(begin.Add(24*time.Hour)) < d {
		begin = begin.Add(24 * time.Hour)
	}
	if wait := time.Until(begin.Add(since)); wait > 0 {
		t.Logf("waits %v for the next day", wait)
		time.Sleep(wait)
	}
}

// eventually reports whether ok became true within patience.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

// waitFor is the script command "waitfor FILE": it waits until a file exists.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor FILE")
	}
	exists := func() bool { _, err := os.Stat(ts.MkAbs(args[0])); return err == nil }
	if !eventually(exists) {
		ts.Fatalf("%s did not appear", args[0])
	}
}

// waitForService is the script command "waitforservice SOCKET": it waits until
// somebody takes connections there; the file may be older.
func waitForService(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitforservice SOCKET")
	}
	serves := func() bool {
		c, err := net.Dial("unix", ts.MkAbs(args[0]))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	if !eventually(serves) {
		ts.Fatalf("nobody serves %s", args[0])
	}
}
