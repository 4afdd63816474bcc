package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
	"github.com/postvet/postvet/cmd/postvet/internal/loginrate"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/failures"
	"github.com/postvet/postvet/policy/result"
)

// daemon is the running service.
type daemon struct {
	// These are set before the loop begins and do not change. All are safe for
	// concurrent use.
	opt           Options
	notify        func(state string) // sends a state of sd_notify(3) to the service manager
	started       *config.Config     // the configuration of the listeners and of server
	log           *logger
	dns           liveResolver
	server        *filter.Server
	metrics       *metrics.Metrics
	signing       atomic.Pointer[signing]         // nil if nothing is signed
	rotation      atomic.Pointer[rotation.Keeper] // nil if nothing is signed
	domains       atomic.Pointer[domainWatch]     // nil if none are watched
	rates         control.Rates
	traces        livetrace.Feed
	live          *live.Ring // nil without the web page
	journal       messageJournal
	reports       messageReports
	sender        atomic.Pointer[reportsending.Sender] // nil if no reports are sent
	pastSender    atomic.Pointer[reportsending.Sender] // the one before
	inbox         *reportinbox.Inbox                   // nil before it is opened
	peers         peers
	refs          result.References
	failures      *failures.Table // survives reloads
	patterns      observedPatterns
	logins        *loginrate.Watch
	holds         *held.Cap
	digestsSent   atomic.Uint64
	digestsFailed atomic.Uint64
	webGate       atomic.Pointer[access.Authenticator] // nil if the web page is not served
	webDatabase   *postgres.Database                   // of all nodes, as pages read it; nil without one
	addresses     []string                             // of the listeners, see shown
	sockets       []string                             // of the listeners, as they are
	controlSocket string                               // path, "" if there is none

	// calls are functions that the loop runs for other goroutines.
	calls chan func()
	// state is replaced by the loop and read by every goroutine.
	state atomic.Pointer[state]

	// Only the loop uses these.
	reload   reload
	watchdog watchdog
	// The work of a configuration: moving keys, watching domains, digests of held mail, and
	// sending reports. Restoring is of the start alone.
	rotating, watching, digesting, sending, restoring background

	levelEnds  <-chan time.Time // when a temporary log level ends
	statusLine string           // the last one sent to the service manager
	shutdown   *shutdown        // nil until the service drains
	failure    error            // why the service stops without a signal
}

// state is the state of the service at one moment. A state is not modified but
// replaced.
type state struct {
	config       *config.Config // the active one
	authservID   string
	began        time.Time
	loaded       time.Time // when config was
	lastReload   *control.Reloaded
	needsRestart []string
	drain        *control.Drain
	levelUntil   *time.Time // when a temporary log level ends
}

// update replaces the state by a copy to which it has applied change.
func (d *daemon) update(change func(*state)) {
	s := *d.state.Load()
	change(&s)
	d.state.Store(&s)
}

// config returns the active configuration.
func (d *daemon) config() *config.Config { return d.state.Load().config }

// loop handles one event at a time until the service has stopped. ended receives the
// error of each listener that ends.
func (d *daemon) loop(ctx context.Context, ended <-chan error) error {
	sample := time.NewTicker(control.SampleEvery)
	defer sample.Stop()
	d.watchdog.start()
	defer d.watchdog.stop()
	cancelled := ctx.Done()
	for {
		select {
		case s := <-d.opt.Signals:
			d.signalled(s)
		case <-cancelled:
			cancelled = nil
			d.drain()
		case err := <-ended:
			d.listenerEnded(err)
		case call := <-d.calls:
			call()
		case l := <-d.reload.loaded:
			d.finishReload(l)
		case <-d.levelEnds:
			d.endLevel()
		case now := <-sample.C:
			d.rates.Sample(now, d.totals())
			d.reportStatus()
			d.saveKeyStatesAside()
		case <-d.watchdog.due:
			d.watchdog.check(d.alive)
		case err := <-d.watchdog.checked:
			d.watchdogChecked(err)
		case err := <-d.shutdown.done():
			return errors.Join(d.failure, d.stopped(err))
		}
	}
}

// signalled handles a signal. A second signal to stop closes the remaining
// connections by force.
func (d *daemon) signalled(s os.Signal) {
	switch {
	case s == syscall.SIGHUP:
		d.requestReload(nil)
	case d.shutdown == nil:
		d.drain() // before the line is logged, so that the line is true
		d.log.Info("stopping", zap.Stringer("signal", s))
	default:
		d.log.Warn("stopping at once", zap.Stringer("signal", s))
		d.shutdown.force()
	}
}

// listenerEnded stops the service when a listener fails. Other listeners may
// still work, but the MTA may use this one. The service manager starts the
// service again.
func (d *daemon) listenerEnded(err error) {
	if d.shutdown != nil {
		return
	}
	d.log.Error("accepting connections failed", zap.Error(err))
	d.failure = fmt.Errorf("accepting connections failed: %w; look at the log", err)
	d.drain()
}
