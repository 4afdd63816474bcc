package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/result"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
)

// tellStatus tells the service manager, and while draining the log, how things
// stand.
func (d *daemon) tellStatus() {
	s := d.server.Stats()
	if drain := d.standing.Load().drain; drain != nil {
		d.log.Info("waiting for messages in flight", zap.Int64("messages", s.Busy), zap.Int64("connections", s.Open),
			zap.Duration("at_most", time.Until(drain.Until).Round(time.Second)))
		d.notify("STATUS=waiting for " + control.Count(s.Busy, "message") + " in flight" + extendStop)
		return
	}
	if text := d.statusLine(); text != d.told {
		d.told = text
		d.notify("STATUS=" + text)
	}
}

// statusLine is what "systemctl status" shows.
func (d *daemon) statusLine() string {
	s, t := d.server.Stats(), d.totals()
	var b strings.Builder
	if d.dns.current.Load().Degraded() {
		b.WriteString("DNS IS DOWN; ")
	}
	if r := d.standing.Load().lastReload; r != nil && len(r.Errors) > 0 {
		b.WriteString("the last reload was refused, the log says why; ")
	}
	fmt.Fprintf(&b, "%s: %d accepted, %d held, %d rejected, %d deferred", control.Count(t.All(), "message"), t.Accept, t.Quarantine, t.Reject, t.TempFail)
	if n := t.Redirect + t.Discard; n > 0 {
		fmt.Fprintf(&b, ", %d redirected or discarded", n)
	}
	fmt.Fprintf(&b, "; %s, %d of them busy", control.Count(s.Open, "connection"), s.Busy)
	return b.String()
}

// totals are the messages so far.
func (d *daemon) totals() control.Totals {
	m := d.server.Stats().Messages
	return control.Totals{
		Accept: m[result.Accept], Quarantine: m[result.Quarantine], Reject: m[result.Reject], TempFail: m[result.TempFail],
		Redirect: m[result.Redirect], Discard: m[result.Discard],
	}
}

// watchdog pings the service manager as long as the service is alive: the ping
// is sent by the main loop, after a connection inside the process was greeted
// and a look-up returned. That DNS is down is no reason to be killed; that a
// look-up never ends is.
type watchdog struct {
	interval time.Duration // 0: nobody watches
	ticker   *time.Ticker
	due      <-chan time.Time
	checked  chan error
	checking bool
}

func (w *watchdog) start() {
	if w.interval <= 0 {
		return
	}
	w.checked = make(chan error, 1)
	w.ticker = time.NewTicker(w.interval / 2)
	w.due = w.ticker.C
}

func (w *watchdog) stop() {
	if w.ticker != nil {
		w.ticker.Stop()
	}
}

// check begins a check, unless the last one is not over.
func (w *watchdog) check(d *daemon) {
	if w.checking {
		return
	}
	w.checking = true
	most := w.interval / 3 // its end must come before the next one is due
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), most)
		defer cancel()
		w.checked <- d.alive(ctx)
	}()
}

// alive returns at the latest when ctx ends.
func (d *daemon) alive(ctx context.Context) error {
	if err := d.server.Alive(ctx); err != nil {
		return err
	}
	// A resolver answers this itself (RFC 6761 section 6.3). It is asked for half
	// of the time that is left, and must have given up by the end of it.
	half := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		half, cancel = context.WithDeadline(ctx, end.Add(-time.Until(end)/2))
		defer cancel()
	}
	return returns(ctx, func() { d.dns.Lookup(half, "localhost", dnscache.A) })
}

// returns reports whether a look-up ends before ctx.
func returns(ctx context.Context, lookup func()) error {
	returned := make(chan struct{})
	go func() {
		lookup()
		close(returned)
	}()
	select {
	case <-returned:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a look-up does not end: %w", ctx.Err())
	}
}

// tellWatchdog takes the end of a check.
func (d *daemon) tellWatchdog(err error) {
	d.watchdog.checking = false
	if err != nil {
		d.log.Error("the service does not pass its own check; the service manager will restart it unless that ends", zap.Error(err))
		return
	}
	d.notify(systemd.SdNotifyWatchdog)
}
