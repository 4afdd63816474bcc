package service

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// shutdown is the end of the service while messages in flight get their verdicts.
type shutdown struct {
	ended <-chan error       // receives once how it ended
	force context.CancelFunc // cuts short the messages that are left
}

// done returns a channel that receives once how the shutdown ended. It is nil
// for a shutdown that has not begun.
func (s *shutdown) done() <-chan error {
	if s == nil {
		return nil
	}
	return s.ended
}

// extendStop is sent with each status while the service drains, so that systemd's
// TimeoutStopSec does not end a drain before drain_timeout. It extends the time by
// three times the interval of the status.
const extendStop = "\nEXTEND_TIMEOUT_USEC=15000000"

// drain begins the shutdown. The service accepts no new connections, and messages in
// flight get their verdicts until drain_timeout. Waiting reloads are refused. A second
// call does nothing.
func (d *daemon) drain() {
	if d.shutdown != nil {
		return
	}
	timeout := d.config().DrainTimeout
	now := time.Now()
	d.update(func(s *state) { s.drain = &control.Drain{Since: now, Until: now.Add(timeout)} })
	d.metrics.Draining(timeout)
	d.notify(stateStopping + "\nSTATUS=waiting for messages in flight" + extendStop)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- d.server.Shutdown(ctx)
	}()
	d.shutdown = &shutdown{ended: ended, force: cancel}
	d.refuseReloads()
}

// stopped logs how the shutdown ended and returns the error for the command
// line.
func (d *daemon) stopped(err error) error {
	if err != nil {
		d.log.Warn("stopped by force", zap.Error(err))
		return fmt.Errorf("%w; raise drain_timeout if their MTA needs longer", err)
	}
	d.log.Info("stopped", zap.Int64("connections", d.server.Stats().Connections), zap.Int64("messages", d.totals().All()))
	return nil
}
