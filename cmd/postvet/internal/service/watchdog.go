package service

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/dnscache"
)

// watchdog notifies the service manager at intervals that the service is alive
// (sd_watchdog_enabled(3)). The loop sends the notification after the milter server has
// answered a connection inside the process and a lookup has returned. A lookup that fails
// is no reason to restart the service, but one that does not return is.
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

// alive returns nil if the service works. It returns when ctx ends at the latest.
func (d *daemon) alive(ctx context.Context) error {
	if err := d.server.Alive(ctx); err != nil {
		return err
	}
	// Upstream resolvers answer localhost themselves (RFC 6761 section 6.3). The lookup is
	// cancelled after half of the remaining time and must return in the other half.
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

// watchdogChecked notifies the service manager that the service is alive, or logs why it
// is not.
func (d *daemon) watchdogChecked(err error) {
	d.watchdog.checking = false
	if err != nil {
		d.log.Error("the service fails its own check; the service manager will restart it unless a later check passes", zap.Error(err))
		return
	}
	d.notify(stateAlive)
}
