package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
)

// manager plays systemd: it hears what sd_notify(3) says.
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

// told waits for a state that has a text.
func (m *manager) told(want string) string {
	m.t.Helper()
	b := make([]byte, 4096)
	_ = m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
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

// TestWatchdog: a living service pings, with how it does beside it, also while
// all its connections are in use, and asks for time while it stops.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "c")
	socket := filepath.Join(dir, "s")
	writeConfig(t, file, "authserv_id = \"mx.test.example\"\nlisten = [\"unix:"+socket+"\"]\nlimits.connections = 1\ndns.resolvers = [\""+testResolver(t)+"\"]\n")
	s := &service{t: t, done: make(chan struct{})}
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

// quiet is a daemon without sockets, for the time of a test.
func quiet(t *testing.T, told func(string)) *daemon {
	t.Helper()
	c := config.Default()
	c.AuthservID = "mx.test.example"
	c.DNS.Resolvers = []string{"127.0.0.1:1"}
	d := &daemon{
		load: func() (*config.Config, error) { return c, nil }, notify: told,
		errOut: &bytes.Buffer{}, orders: make(chan func()), started: c, metrics: newMetrics(c),
	}
	d.log = newLogger(c.Log, d.errOut)
	now := time.Now()
	d.change(func(s *standing) { s.config, s.authservID, s.began, s.loaded = c, "mx.test.example", now, now })
	r, err := newResolver(c, d.log.Logger)
	if err != nil {
		t.Fatal(err)
	}
	d.dns.replace(r, 0)
	d.server = filter.NewServer(d.handler(c, "mx.test.example"), c.ServerOptions(d.log.Logger))
	return d
}

// TestLoopKeepsTime runs the main loop for an hour: it takes samples for the
// rates, ends a temporary log level, tells a change of status once, and pings.
func TestLoopKeepsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		d := quiet(t, func(s string) { told = append(told, s) })
		defer func() { _ = d.dns.close() }()
		d.watchdog.interval = time.Minute
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.loop(ctx, nil, nil) }()

		level := func(word string, seconds int) control.LogLevel {
			l, err := d.control(t.Context(), control.Peer{}, control.Request{Do: control.DoLogLevel, Level: word, For: seconds})
			if err != nil {
				t.Error(err)
			}
			return l.(control.LogLevel)
		}
		if l := level("debug", 600); l.Level != "debug" || l.Configured != "info" || l.Until == nil || !l.Until.Equal(began.Add(10*time.Minute)) {
			t.Errorf("%+v", l)
		}
		time.Sleep(9*time.Minute + 59*time.Second)
		if l := level("", 0); l.Level != "debug" {
			t.Errorf("before its end: %+v", l)
		}
		time.Sleep(2 * time.Second)
		if l := level("", 0); l.Level != "info" || l.Until != nil {
			t.Errorf("after its end: %+v", l)
		}
		level("error", 0)
		time.Sleep(50 * time.Minute)
		if l := level("", 0); l.Level != "error" || l.Until != nil {
			t.Errorf("without an end: %+v", l)
		}
		if _, err := d.control(t.Context(), control.Peer{}, control.Request{Do: control.DoReload}); err != nil {
			t.Error(err)
		}
		if l := level("", 0); l.Level != "info" {
			t.Errorf("after a reload: %+v", l)
		}
		// 15 minutes of samples reach back so far: a message a minute ago counts.
		d.rates.Sample(time.Now(), control.Totals{Accept: 30})
		if r := d.rates.Over(15*time.Minute, time.Now(), control.Totals{Accept: 30}); r.Accept < 1.99 || r.Accept > 2.01 {
			t.Errorf("30 messages in 15 minutes are %v a minute", r.Accept)
		}
		s := d.status(time.Now())
		if s.UptimeSeconds < 3600 || s.UptimeSeconds > 3602 || s.Config.LastReload == nil || s.Config.LastReload.Errors != nil {
			t.Errorf("%+v", s)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		counts := map[string]int{}
		for _, s := range told {
			head, _, _ := strings.Cut(s, "\n")
			if strings.HasPrefix(head, "STATUS=") {
				head = "STATUS"
			}
			counts[head]++
		}
		if d := cmp.Diff(map[string]int{"STATUS": 1, "WATCHDOG=1": 120, "RELOADING=1": 1, "READY=1": 1, "STOPPING=1": 1}, counts); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}

// TestNoPingWhenStuck: a service that does not pass its check says so and lets
// the service manager act.
func TestNoPingWhenStuck(t *testing.T) {
	t.Parallel()
	var told []string
	d := quiet(t, func(s string) { told = append(told, s) })
	defer func() { _ = d.dns.close() }()
	d.watchdog.start()
	d.watchdog.checking = true
	d.watchdog.check(d) // the last check is not over: no second one
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	hang := make(chan struct{})
	defer close(hang)
	err := returns(ctx, func() { <-hang })
	if err == nil {
		t.Fatal("a look-up that hangs has returned")
	}
	d.tellWatchdog(err)
	if len(told) != 0 {
		t.Errorf("told %q", told)
	}
	if log := d.errOut.(*bytes.Buffer).String(); !strings.Contains(log, "does not pass its own check") {
		t.Errorf("the log says %s", log)
	}
	// A look-up that fails is no stuck one.
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := d.alive(ctx); err != nil {
		t.Errorf("without DNS: %v", err)
	}
	if a := d.dns.Lookup(ctx, "localhost", dnscache.A); a.Outcome.Known() {
		t.Errorf("there is a DNS: %v", a.Outcome)
	}
}
