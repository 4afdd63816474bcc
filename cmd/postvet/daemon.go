package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/config"
	"github.com/postvet/postvet/cmd/postvet/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy"
)

// daemon is the running service. All its fields belong to the goroutine of run.
type daemon struct {
	// load reads file and flags anew; file is "" if there is none.
	load func() (*config.Config, error)
	file string
	// notify tells the service manager a state of sd_notify(3).
	notify      func(state string)
	out, errOut io.Writer

	started *config.Config // what the listeners and the server were made of
	config  *config.Config // what is in force
	log     *logger
	dns     liveResolver
	server  *filter.Server
	metrics *metrics.Metrics
}

func notifySystemd(state string) {
	// Without systemd there is nobody to tell, and with it nothing to be done.
	_, _ = systemd.SdNotify(false, state)
}

// run serves until a signal ends it.
func (d *daemon) run(ctx context.Context, c *config.Config, signals <-chan os.Signal) error {
	d.started, d.config = c, c
	defer steadyCollector()()
	d.log = newLogger(c.Log, d.errOut)
	defer func() { _ = d.log.Sync() }()
	// What libraries say to the standard log is about trouble.
	if restore, err := zap.RedirectStdLogAt(d.log.Logger, zap.WarnLevel); err == nil {
		defer restore()
	}

	id, err := authservID(c)
	if err != nil {
		return err
	}
	resolver, err := newResolver(c, d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(resolver, 0)
	d.loadAnswers()
	defer func() {
		d.saveAnswers()
		_ = d.dns.close()
	}()
	listeners, err := openListeners(c)
	if err != nil {
		return err
	}
	d.metrics = newMetrics()
	options := c.ServerOptions(d.log.Logger)
	options.OnMessage = d.metrics.Message
	d.server = filter.NewServer(d.handler(c, id), options)
	d.metrics.Watch(d.server, &d.dns, len(listeners))
	stopMetrics, err := d.serveMetrics(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopMetrics() // only now: it tells how the service drains
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- d.server.Serve(l) }()
	}
	d.announce(listeners, id)
	d.notify(systemd.SdNotifyReady + "\nSTATUS=serving " + strings.Join(names(listeners), ", "))
	return d.loop(ctx, signals, ended)
}

// handler makes what judges messages by a configuration, whose rules are counted
// from now on.
func (d *daemon) handler(c *config.Config, id string) filter.Handler {
	d.metrics.SetRules(c.RuleNames())
	return filter.Handler{
		Checker: policy.NewChecker(c.CheckerOptions(&d.dns, id, time.Now)),
		Rules:   c.Rules(id),
		Shadow:  c.ShadowRules(id),
	}
}

// announce says what runs, in the log, and for a person who tries it out also
// what to do next.
func (d *daemon) announce(listeners []net.Listener, id string) {
	c := d.config
	resolvers := "the system's"
	if len(c.DNS.Resolvers) > 0 {
		resolvers = strings.Join(c.DNS.Resolvers, ", ")
	}
	if d.file == "" || isTerminal(d.out) {
		fmt.Fprintf(d.out, "# Postvet listens on %s.\n# mode %s, authserv-id %s, configuration %s, resolvers %s\n\n%s\n",
			strings.Join(names(listeners), " and "), c.Mode, id, orNone(d.file, "by default"), resolvers, wiringText(listeners))
	}
	d.log.Info("serving", zap.Strings("listen", names(listeners)), zap.String("mode", c.Mode),
		zap.String("authserv_id", id), zap.String("config", d.file), zap.String("resolvers", resolvers),
		zap.Int("pid", os.Getpid()))
	if !strings.Contains(id, ".") {
		d.log.Warn("the authserv-id is not fully qualified, others may use the same; set authserv_id", zap.String("authserv_id", id))
	}
}

func (d *daemon) loop(ctx context.Context, signals <-chan os.Signal, ended <-chan error) error {
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				d.reload()
				continue
			}
			d.log.Info("stopping", zap.Stringer("signal", s))
			return d.drain(signals)
		case <-ctx.Done():
			return d.drain(signals)
		case err := <-ended:
			// The other listeners would go on, but the MTA may use this one: let
			// the service manager start all anew.
			d.log.Error("accepting connections failed", zap.Error(err))
			return errors.Join(failed("accepting connections failed: %v; look at the log", err), d.drain(signals))
		}
	}
}

// drain ends the service when the messages in flight have their verdicts.
func (d *daemon) drain(signals <-chan os.Signal) error {
	const progress = 5 * time.Second
	timeout := d.config.DrainTimeout
	d.metrics.Draining(timeout)
	d.notify(systemd.SdNotifyStopping + "\nSTATUS=waiting for messages in flight")
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.server.Shutdown(ctx) }()
	tick := time.NewTicker(progress)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			s := d.server.Stats()
			if err != nil {
				d.log.Warn("stopped", zap.Error(err))
				return failed("%s; raise drain_timeout if their MTA needs longer", strings.TrimPrefix(err.Error(), "filter: "))
			}
			d.log.Info("stopped", zap.Int64("connections", s.Connections))
			return nil
		case <-tick.C:
			s := d.server.Stats()
			d.log.Info("waiting for messages in flight", zap.Int64("messages", s.Busy), zap.Int64("connections", s.Open), zap.Duration("at_most", timeout))
		case s := <-signals:
			if s != syscall.SIGHUP {
				d.log.Warn("stopping at once", zap.Stringer("signal", s))
				cancel()
			}
		}
	}
}
