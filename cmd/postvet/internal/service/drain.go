package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// drain begins the end: no new connections, and the messages in flight get
// their verdicts until drain_timeout or stop ends. Whatever waits for a reload
// is told so.
func (d *daemon) drain(stop context.Context) {
	timeout := d.inForce().DrainTimeout
	now := time.Now()
	d.change(func(s *standing) { s.drain = &control.Drain{Since: now, Until: now.Add(timeout)} })
	d.metrics.Draining(timeout)
	d.notify(systemd.SdNotifyStopping + "\nSTATUS=waiting for messages in flight" + extendStop)
	drained := make(chan error, 1)
	d.drained = drained
	go func() {
		ctx, cancel := context.WithTimeout(stop, timeout)
		defer cancel()
		drained <- d.server.Shutdown(ctx)
	}()
	d.refuseReloads()
}

// extendStop keeps systemd's TimeoutStopSec from cutting a drain short that is
// bounded by drain_timeout: it grants three times the time to the next one.
const extendStop = "\nEXTEND_TIMEOUT_USEC=15000000"

// stopped says how the drain ended.
func (d *daemon) stopped(err error) error {
	s := d.server.Stats()
	if err != nil {
		d.log.Warn("stopped by force", zap.Error(err))
		return fmt.Errorf("%s; raise drain_timeout if their MTA needs longer", strings.TrimPrefix(err.Error(), "filter: "))
	}
	d.log.Info("stopped", zap.Int64("connections", s.Connections), zap.Int64("messages", d.totals().All()))
	return nil
}
