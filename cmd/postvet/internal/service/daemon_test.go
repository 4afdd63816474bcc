package service

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
)

// quiet returns a daemon without sockets. It sends its states to told.
func quiet(t *testing.T, told func(string)) *daemon {
	t.Helper()
	c := config.Default()
	c.AuthservID = "mx.test.example"
	c.DNS.Resolvers = []string{"127.0.0.1:1"} // nobody, and a lookup takes its time
	c.DNS.Timeout, c.DNS.AttemptTimeout = 500*time.Millisecond, 500*time.Millisecond
	o := Options{Load: func() (*config.Config, error) { return c, nil }, Log: &bytes.Buffer{}}
	d := &daemon{opt: o, notify: told}
	d.log = newLogger(c.Log, o.Log, false)
	if err := d.prepare(c); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestLoopKeepsTime runs the loop for an hour: it takes samples for the rates,
// ends a temporary log level, reports a change of status once, and pings.
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
		go func() { ended <- d.loop(ctx, nil) }()

		level := func(word string, seconds int) control.LogLevel {
			l, err := d.answer(t.Context(), control.Peer{}, control.Request{Do: control.DoLogLevel, Level: word, For: seconds})
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
		if _, err := d.answer(t.Context(), control.Peer{}, control.Request{Do: control.DoReload}); err != nil {
			t.Error(err)
		}
		if l := level("", 0); l.Level != "info" {
			t.Errorf("after a reload: %+v", l)
		}
		// The samples cover 15 minutes, so these messages count.
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
		counts, status := map[string]int{}, ""
		for _, s := range told {
			head, _, _ := strings.Cut(s, "\n")
			if strings.HasPrefix(head, "STATUS=") {
				if s == status {
					t.Errorf("told twice: %s", s)
				}
				status = s
				continue
			}
			counts[head]++
		}
		if status == "" {
			t.Error("no status was told")
		}
		if d := cmp.Diff(map[string]int{"WATCHDOG=1": 120, "RELOADING=1": 1, "READY=1": 1, "STOPPING=1": 1}, counts); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}

// TestNoPingWhenStuck: a service that fails its check logs that and sends no
// ping.
func TestNoPingWhenStuck(t *testing.T) {
	t.Parallel()
	var told []string
	d := quiet(t, func(s string) { told = append(told, s) })
	defer func() { _ = d.dns.close() }()
	d.watchdog.start()
	d.watchdog.checking = true
	d.watchdog.check(d.alive) // the last check is not over: no second one
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	hang := make(chan struct{})
	defer close(hang)
	err := returns(ctx, func() { <-hang })
	if err == nil {
		t.Fatal("a lookup that hangs has returned")
	}
	d.watchdogChecked(err)
	if len(told) != 0 {
		t.Errorf("told %q", told)
	}
	if log := d.opt.Log.(*bytes.Buffer).String(); !strings.Contains(log, "fails its own check") {
		t.Errorf("the log says %s", log)
	}
	// A lookup that fails is not stuck.
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := d.alive(ctx); err != nil {
		t.Errorf("without DNS: %v", err)
	}
	if a := d.dns.Lookup(ctx, "localhost", dnscache.A); a.Outcome.Known() {
		t.Errorf("there is a DNS: %v", a.Outcome)
	}
}
