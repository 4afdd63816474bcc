package service

import (
	"context"
	"fmt"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/dnscache"
)

// watchdog tells the service manager at intervals that the service is alive
// (sd_watchdog_enabled(3)). The loop sends the message, after a connection inside
// the process was greeted and a lookup has returned. A DNS failure is no reason
// to restart the service, a lookup that never returns is one.
type watchdog struct {
	interval time.Duration // 0 if no watchdog is enabled
	ticker   *time.Ticker
	due      <-chan time.Time // ticks when a check is due
	checked  chan error       // receives the result of a check
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

// check runs alive in the background, unless the last check still runs.
func (w *watchdog) check(alive func(context.Context) error) {
	if w.checking {
		return
	}
	w.checking = true
	timeout := w.interval / 3 // it must end before the next check is due
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		w.checked <- alive(ctx)
	}()
}

// alive returns nil if the service does its work. It returns at the latest when
// ctx ends.
func (d *daemon) alive(ctx context.Context) error {
	if err := d.server.Alive(ctx); err != nil {
		return err
	}
	// A resolver answers localhost itself (RFC 6761 section 6.3). The lookup is
	// cancelled after half of the time that is left, so that it has the other half
	// to return.
	lookup := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		lookup, cancel = context.WithDeadline(ctx, end.Add(-time.Until(end)/2))
		defer cancel()
	}
	return returns(ctx, func() { d.dns.Lookup(lookup, "localhost", dnscache.A) })
}

// returns returns nil if lookup returns before ctx ends.
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
		return fmt.Errorf("a lookup does not end: %w", ctx.Err())
	}
}

// watchdogChecked tells the service manager that the service is alive, or logs
// why it is not.
func (d *daemon) watchdogChecked(err error) {
	d.watchdog.checking = false
	if err != nil {
		d.log.Error("the service fails its own check; the service manager will restart it unless a later check passes", zap.Error(err))
		return
	}
	d.notify(systemd.SdNotifyWatchdog)
}
