// Package service is the milter as it runs: it opens the sockets, carries out
// signals and the requests of the control socket, replaces the configuration,
// and ends when the messages in flight have their verdicts.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy"
)

// Options are what the command line gives to the service. Load, Out and Log are
// needed.
type Options struct {
	// Load reads the configuration file and the flags again, for a reload.
	Load func() (*config.Config, error)
	// File is the configuration file, "" if there is none.
	File string
	// Signals are SIGTERM, SIGINT and SIGHUP, as they come.
	Signals <-chan os.Signal
	// Out takes the lines for the MTA's configuration, if it is a terminal
	// (OnTerminal) or there is no File; Log takes the log, which has the format of
	// a console on a terminal (LogOnTerminal).
	Out, Log                  io.Writer
	OnTerminal, LogOnTerminal bool
	// Build is this program in one line, Version and Commit are parts of it.
	Build, Version, Commit string
}

// daemon is the running service. Its fields belong to the goroutine of run,
// apart from those that are safe by themselves: standing, dns, server, rates.
type daemon struct {
	opt Options
	// notify tells the service manager a state of sd_notify(3).
	notify func(state string)

	started  *config.Config // what the listeners and the server were made of
	log      *logger
	dns      liveResolver
	server   *filter.Server
	metrics  *metrics.Metrics
	standing atomic.Pointer[standing]
	rates    control.Rates
	listens  []string
	socket   string // of control, "" if there is none

	orders    chan func() // for the goroutine of run, by control requests
	reloading reloading
	levelEnds <-chan time.Time
	watchdog  watchdog
	told      string       // the last status line
	drained   <-chan error // nil until draining
	failure   error        // why it stops, if not by order
}

// standing is what is known of the service at one moment; it never changes.
type standing struct {
	config       *config.Config // what is in force
	authservID   string
	began        time.Time
	loaded       time.Time // when config was
	lastReload   *control.Reloaded
	needsRestart []string
	drain        *control.Drain
	levelUntil   *time.Time // when a temporary log level ends
}

// change makes the next standing of the present one.
func (d *daemon) change(f func(*standing)) {
	var s standing
	if now := d.standing.Load(); now != nil {
		s = *now
	}
	f(&s)
	d.standing.Store(&s)
}

// inForce is the configuration that is.
func (d *daemon) inForce() *config.Config { return d.standing.Load().config }

func notifySystemd(state string) {
	// Without systemd there is nobody to tell, and with it nothing to be done.
	_, _ = systemd.SdNotify(false, state)
}

// Run serves with the configuration c until a signal or ctx ends it.
func Run(ctx context.Context, c *config.Config, o Options) error {
	d := &daemon{opt: o, notify: notifySystemd}
	if every, err := systemd.SdWatchdogEnabled(false); err == nil {
		d.watchdog.interval = every
	}
	return d.run(ctx, c)
}

func (d *daemon) run(ctx context.Context, c *config.Config) error {
	defer steadyCollector()()
	d.started, d.orders = c, make(chan func())
	now := time.Now()
	d.log = newLogger(c.Log, d.opt.Log, d.opt.LogOnTerminal)
	defer func() { _ = d.log.Sync() }()
	// What libraries say to the standard log is about trouble.
	if restore, err := zap.RedirectStdLogAt(d.log.Logger, zap.WarnLevel); err == nil {
		defer restore()
	}

	id, err := c.EffectiveAuthservID()
	if err != nil {
		return err
	}
	d.change(func(s *standing) { s.config, s.authservID, s.began, s.loaded = c, id, now, now })
	resolver, err := c.NewResolver(d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(resolver, 0)
	defer func() { _ = d.dns.close() }()
	listeners, err := openListeners(c)
	if err != nil {
		return err
	}
	sockets := socketsOf(listeners)
	for _, s := range sockets {
		d.listens = append(d.listens, s.Postfix)
	}
	d.metrics = newMetrics(c, d.opt)
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
	stopControl, err := d.serveControl(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopControl()
	d.loadAnswers()
	defer d.saveAnswers()
	d.rates.Sample(now, control.Totals{})
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- d.server.Serve(l) }()
	}
	d.announce(sockets)
	d.notify(systemd.SdNotifyReady + "\nSTATUS=serving " + strings.Join(d.listens, ", "))
	return d.loop(ctx, d.opt.Signals, ended)
}

// handler makes what judges messages by a configuration.
func (d *daemon) handler(c *config.Config, id string) filter.Handler {
	return filter.Handler{
		Checker: policy.NewChecker(c.CheckerOptions(&d.dns, id, time.Now)),
		Rules:   c.Rules(id),
		Shadow:  c.ShadowRules(id),
	}
}

// announce says what runs, in the log, and for a person who tries it out also
// what to do next.
func (d *daemon) announce(sockets []mtasetup.Socket) {
	c, id := d.inForce(), d.standing.Load().authservID
	resolvers := "the system's"
	if len(c.DNS.Resolvers) > 0 {
		resolvers = strings.Join(c.DNS.Resolvers, ", ")
	}
	if d.opt.File == "" || d.opt.OnTerminal {
		fmt.Fprintf(d.opt.Out, "# Postvet listens on %s.\n# mode %s, authserv-id %s, configuration %s, resolvers %s\n\n%s\n",
			strings.Join(d.listens, " and "), c.Mode, id, cmp.Or(d.opt.File, "by default"), resolvers, mtasetup.Lines(sockets))
		if d.socket != "" {
			fmt.Fprintf(d.opt.Out, "\n# How it does: postvet status --socket %s\n", d.socket)
		}
	}
	d.log.Info("serving", zap.Strings("listen", d.listens), zap.String("mode", c.Mode),
		zap.String("authserv_id", id), zap.String("config", d.opt.File), zap.String("resolvers", resolvers),
		zap.String("control", d.socket), zap.Duration("watchdog", d.watchdog.interval),
		zap.Int("pid", os.Getpid()), zap.String("version", d.opt.Build))
	if !strings.Contains(id, ".") {
		d.log.Warn("the authserv-id is not fully qualified, others may use the same; set authserv_id", zap.String("authserv_id", id))
	}
	for _, name := range c.UnusedSockets() {
		d.log.Warn("systemd passed a socket that listen does not name: who connects there waits for ever; name it (systemd:NAME) or remove its unit", zap.String("socket", name))
	}
}

// loop does one thing at a time until the service has ended.
func (d *daemon) loop(ctx context.Context, signals <-chan os.Signal, ended <-chan error) error {
	tick := time.NewTicker(control.SampleEvery)
	defer tick.Stop()
	d.watchdog.start()
	defer d.watchdog.stop()
	stop, done := context.WithCancel(context.Background()) // ends a drain early
	defer done()
	asked := ctx.Done()
	for {
		select {
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				d.requestReload(nil)
			case d.drained == nil:
				d.drain(stop) // first: whoever reads the line finds it so
				d.log.Info("stopping", zap.Stringer("signal", s))
			default:
				d.log.Warn("stopping at once", zap.Stringer("signal", s))
				done()
			}
		case <-asked:
			asked = nil
			if d.drained == nil {
				d.drain(stop)
			}
		case err := <-ended:
			if d.drained != nil {
				continue
			}
			// The other listeners would go on, but the MTA may use this one: let
			// the service manager start all anew.
			d.log.Error("accepting connections failed", zap.Error(err))
			d.failure = fmt.Errorf("accepting connections failed: %w; look at the log", err)
			d.drain(stop)
		case order := <-d.orders:
			order()
		case r := <-d.reloading.read:
			d.finishReload(r)
		case <-d.levelEnds:
			d.endLevel()
		case now := <-tick.C:
			d.rates.Sample(now, d.totals())
			d.tellStatus()
		case <-d.watchdog.due:
			d.watchdog.check(d)
		case err := <-d.watchdog.checked:
			d.tellWatchdog(err)
		case err := <-d.drained:
			return errors.Join(d.failure, d.stopped(err))
		}
	}
}
