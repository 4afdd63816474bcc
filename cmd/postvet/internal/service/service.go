// Package service is the running milter. It opens the sockets, serves the MTA,
// carries out signals and the requests of the control socket, replaces the
// configuration on a reload, answers systemd's watchdog, and stops when the
// messages in flight have their verdicts.
//
// One goroutine, that of daemon.loop, changes what the service does. The other
// goroutines read a state that never changes and is replaced as a whole.
package service

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/loginrate"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/failures"
)

// Options are the parameters of the service. Load, Out and Log are required.
type Options struct {
	// Load reads the configuration file and the flags again, for a reload.
	Load func() (*config.Config, error)
	// File is the configuration file, "" if there is none.
	File string
	// Signals delivers SIGTERM, SIGINT and SIGHUP.
	Signals <-chan os.Signal
	// Out receives the lines for the MTA's configuration, if it is a terminal or
	// there is no File.
	Out           io.Writer
	OutIsTerminal bool
	// Log receives the log.
	Log           io.Writer
	LogIsTerminal bool
	// Starts counts failed starts; nil does not.
	Starts *Starts
	// Build describes this program in one line. Version and Commit are parts of
	// it.
	Build, Version, Commit string
}

// Run serves with the configuration c until a signal or ctx ends it. The error says in
// one line what is wrong and what to do.
func Run(ctx context.Context, c *config.Config, o Options) error {
	d := &daemon{opt: o, notify: notifySystemd, failures: failures.New()}
	d.watchdog.interval = watchdogInterval()
	return d.run(ctx, c)
}

// run starts the parts of the service in the order of their dependencies, runs the loop,
// and stops the parts in reverse order.
func (d *daemon) run(ctx context.Context, c *config.Config) error {
	defer adaptGC()()
	defer d.openLog(c.Log)()
	d.forbidCore()
	if err := d.prepare(c); err != nil {
		return err
	}
	defer func() { _ = d.dns.close() }()
	d.openJournal(c)
	d.journal.shipper.SetHealth(d.nodeHealth)
	defer d.closeJournal()
	d.openPatterns()
	defer d.closePatterns()
	d.openReports(c)
	defer d.closeReports()
	listeners, err := openListeners(c)
	if err != nil {
		return err
	}
	sockets := socketsOf(listeners)
	for i, s := range sockets {
		canonical := socket.Canonical(listeners[i].Addr())
		d.addresses, d.sockets = append(d.addresses, shown(s.Postfix, canonical)), append(d.sockets, canonical)
	}
	d.metrics.Watch(d.server, &d.dns, len(listeners))
	d.metrics.WatchKeys(d.keyStats)
	d.metrics.WatchPeers(d.peerStats)
	d.metrics.WatchDomains(d.watchStats)
	d.metrics.WatchSending(d.sendingStats)
	d.metrics.WatchHeld(d.heldStats)
	stopMetrics, err := d.serveMetrics(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopMetrics() // deferred, so that the metrics show how the service drains
	stopControl, err := d.serveControl(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopControl()
	stopWeb, err := d.serveWeb(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopWeb()
	stopPeers, err := d.servePeers(c)
	if err != nil {
		closeAll(listeners)
		return err
	}
	defer stopPeers()
	d.loadAnswers()
	defer d.saveAnswers()
	defer d.warm(c)()
	defer d.saveKeyStates()
	d.rotateKeys(c)
	defer d.stopRotation()
	d.watchDomains(c, d.state.Load().authservID)
	defer d.stopWatch()
	d.restoreHeld()
	defer d.restoring.stop(stopPause)
	d.digestHeld(c, d.state.Load().authservID)
	defer d.digesting.stop(stopPause)
	d.sendReports(c)
	defer d.stopSending()
	d.rates.Sample(d.state.Load().began, control.Totals{})
	ended := d.serve(listeners)
	d.opt.Starts.Succeeded()
	d.announce(sockets)
	d.notify(stateReady + "\nSTATUS=serving " + strings.Join(d.addresses, ", "))
	return d.loop(ctx, ended)
}

// openLog opens the log and returns a function that closes it. It redirects Go's standard
// log, to which libraries write their errors.
func (d *daemon) openLog(c config.Log) (closeLog func()) {
	d.log = newLogger(c, d.opt.Log, d.opt.LogIsTerminal)
	restore, err := zap.RedirectStdLogAt(d.log.Logger, zap.WarnLevel)
	return func() {
		if err == nil {
			restore()
		}
		_ = d.log.Sync()
	}
}

// prepare creates the parts that need no socket: the first state, the resolver, the
// metrics and the milter server.
func (d *daemon) prepare(c *config.Config) error {
	d.fitFiles(c, fileLimit())
	d.started, d.calls = c, make(chan func())
	now := time.Now()
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return err
	}
	d.state.Store(&state{config: c, authservID: id, began: now, loaded: now})
	resolver, err := c.NewResolver(d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(resolver, 0)
	d.metrics = newMetrics(c, d.opt)
	options := c.ServerOptions(d.log.Logger)
	options.Trace, options.Reference = d.traced, d.refs.Next
	d.logins = loginrate.New(c.Limits.LoginRecipients, time.Now)
	d.holds = held.NewCap(holdLimits(c), time.Now)
	options.Hold = d.mayHold
	if c.Web.Listen != "" {
		d.live = &live.Ring{}
	}
	options.Copy = d.copyForReports
	options.OnMessage = func(x filter.Decision) {
		d.metrics.Message(x)
		d.watchLogin(&x)
		d.traces.Message(&x)
		d.showLive(&x)
		d.record(&x)
		d.learn(&x)
		d.countForReports(&x)
		d.gatherFailure(&x)
		d.readForReports(&x)
	}
	d.server = filter.NewServer(d.handler(c, id), options)
	return nil
}

// handler returns the handler of messages for a configuration.
func (d *daemon) handler(c *config.Config, authservID string) filter.Handler {
	options := c.CheckerOptions(&d.dns, authservID, time.Now)
	if source := d.signingKeys(c); source != nil {
		options.Signing, options.Sealing = c.Signing(source), c.Sealing(source)
	}
	if d.failures != nil {
		options.Observer = d.observer(c)
	}
	policyRules := c.Rules(authservID)
	if b := d.reportBounces(c); b != nil {
		policyRules.Reports.IsBounce = b.isSender
	}
	traced := options
	traced.Trace, traced.Live = true, true
	return filter.Handler{
		Checker: policy.NewChecker(options),
		Traced:  policy.NewChecker(traced),
		Rules:   policyRules,
		Shadow:  c.ShadowRules(authservID),

		Generation: c.Generation().ID,
	}
}

// serve accepts connections in the background. ended receives the result of each listener
// that ends.
func (d *daemon) serve(listeners []net.Listener) (ended <-chan error) {
	errs := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { errs <- d.server.Serve(l) }()
	}
	return errs
}

// announce logs the start of the service. On a terminal, or without a configuration file,
// it also prints the lines for the MTA's configuration.
func (d *daemon) announce(sockets []mtasetup.Socket) {
	s := d.state.Load()
	c, id := s.config, s.authservID
	resolvers := d.dns.describe(c)
	if d.opt.File == "" || d.opt.OutIsTerminal {
		fmt.Fprintf(d.opt.Out, "# Postvet listens on %s.\n# mode %s, authserv-id %s, configuration %s, resolvers %s\n\n%s\n",
			strings.Join(d.addresses, " and "), c.Mode, id, cmp.Or(d.opt.File, "by default"), resolvers, mtasetup.Lines(sockets))
		if d.controlSocket != "" {
			fmt.Fprintf(d.opt.Out, "# How it does: postvet status --socket %s\n", d.controlSocket)
		} else {
			fmt.Fprintln(d.opt.Out, "# \"postvet status\" cannot ask this service: control.socket is not set.")
		}
		if d.opt.File != "" && c.Web.Listen != "" {
			fmt.Fprintf(d.opt.Out, "# The web page, and how to reach it: postvet web url --config %s\n", d.opt.File)
		}
	}
	d.log.Info("serving", zap.Strings("listen", d.addresses), zap.String("mode", string(c.Mode)),
		zap.String("authserv_id", id), zap.String("config", d.opt.File), zap.String("resolvers", resolvers),
		zap.String("control", d.controlSocket), zap.Duration("watchdog", d.watchdog.interval),
		zap.Int("pid", os.Getpid()), zap.String("version", d.opt.Build))
	if !strings.Contains(id, ".") {
		d.log.Warn("the authserv-id is not fully qualified, and others may use the same one; set authserv_id", zap.String("authserv_id", id))
	}
	d.warnOfSurroundings(c)
	d.logExpired(c)
	d.logExposed(c)
	for _, name := range c.UnusedSockets() {
		d.log.Warn("systemd passed a socket that listen does not name, so nobody answers there; name it in listen (systemd:NAME) or remove its unit", zap.String("socket", name))
	}
}
