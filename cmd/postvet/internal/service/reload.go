package service

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// reload is the state of reloads. A separate goroutine reads the files, so that a file
// system that hangs does not stop the loop.
type reload struct {
	loaded  chan loadedConfig // receives the result of the goroutine
	running bool
	// waiting are answered by the present reload. queued were requested after it
	// began, and are answered by the next one, since the files may have changed.
	waiting, queued []chan<- reloaded
	again           bool // another reload follows the present one
}

// loadedConfig is the result of reading the configuration.
type loadedConfig struct {
	config     *config.Config
	authservID string
	changes    []string // against the active configuration, one line each
	err        error
}

// reloaded is the outcome of a reload.
type reloaded struct {
	changes []string
	err     error
}

var errStopping = &control.Refusal{Code: control.CodeBusy, Errors: []string{"the service is stopping and reloads nothing; the next start reads the configuration"}}

// requestReload begins a reload, after the present one if there is one. It sends the
// outcome to reply, which must be buffered, unless it is nil.
func (d *daemon) requestReload(reply chan<- reloaded) {
	if d.shutdown != nil {
		d.log.Warn("not reloading, the service is stopping")
		if reply != nil {
			reply <- reloaded{err: errStopping}
		}
		return
	}
	r := &d.reload
	if reply != nil {
		r.queued = append(r.queued, reply)
	}
	r.again = true
	if !r.running {
		d.beginReload()
	}
}

func (d *daemon) beginReload() {
	r := &d.reload
	r.running, r.again = true, false
	r.waiting, r.queued = r.queued, nil
	if r.loaded == nil {
		r.loaded = make(chan loadedConfig, 1)
	}
	d.notify(stateReloading + "\n" + monotonicTime())
	active := d.config()
	go func() { r.loaded <- d.loadConfig(active) }()
}

// loadConfig reads the new configuration. active is the present one.
func (d *daemon) loadConfig(active *config.Config) loadedConfig {
	c, err := d.opt.Load()
	if err == nil {
		err = c.Emptied(active)
	}
	if err != nil {
		return loadedConfig{err: err}
	}
	d.fitFiles(c, fileLimit())
	id, err := c.EffectiveAuthservID()
	l := loadedConfig{config: c, authservID: id, err: err}
	if err == nil {
		d.signingKeys(c) // reads a file
	}
	for _, change := range active.Changes(c) {
		l.changes = append(l.changes, change.String())
	}
	return l
}

// finishReload activates a new configuration and answers the waiting requests. If the
// configuration has a fault, the old one stays active.
func (d *daemon) finishReload(l loadedConfig) {
	r := &d.reload
	r.running = false
	if d.shutdown != nil {
		return // drain has answered the requests
	}
	err := l.err
	if err == nil {
		err = d.activate(l)
	}
	d.metrics.Reloaded(err)
	d.notify(stateReady + "\nSTATUS=" + d.recordReload(err))
	for _, reply := range r.waiting {
		reply <- reloaded{l.changes, err}
	}
	r.waiting = nil
	if r.again {
		d.beginReload()
	}
}

// recordReload puts the result of a reload into the state, logs its faults, and
// returns the line for the service manager.
func (d *daemon) recordReload(err error) (status string) {
	now := time.Now()
	reloaded := &control.Reloaded{At: now}
	status = "configuration reloaded at " + now.Format(time.TimeOnly)
	if err != nil {
		reloaded.Errors = linesOf(err)
		for _, line := range reloaded.Errors {
			d.log.Error("configuration refused, the old one stays in force", zap.String("error", line))
		}
		status = "configuration refused, the old one is in force; the log says why"
	}
	d.update(func(s *state) { s.lastReload = reloaded })
	return status
}

// linesOf returns the lines of an error: one for each fault.
func linesOf(err error) []string {
	return strings.Split(strings.TrimSuffix(err.Error(), "\n"), "\n")
}

// refuseReloads answers all requests for a reload with errStopping.
func (d *daemon) refuseReloads() {
	r := &d.reload
	for _, reply := range slices.Concat(r.waiting, r.queued) {
		reply <- reloaded{err: errStopping}
	}
	r.waiting, r.queued, r.again = nil, nil, false
}

// activate makes a configuration the active one. If it fails, nothing has changed.
func (d *daemon) activate(l loadedConfig) error {
	c, authservID := l.config, l.authservID
	if !c.SameDNS(d.config()) {
		if err := d.replaceResolver(c); err != nil {
			return err
		}
	}
	d.changeJournal(c) // before a row can name its rules
	d.changeReports(c)
	d.server.SetHandler(d.handler(c, authservID))
	d.rotateKeys(c)
	d.watchDomains(c, authservID)
	d.digestHeld(c, authservID)
	d.sendReports(c)
	d.metrics.SetRules(ruleNames(c))
	d.holds.SetLimits(holdLimits(c))
	d.changeWeb(c)
	d.logins.SetLimit(c.Limits.LoginRecipients)
	d.log.setBurst(c.Log)
	d.setLevel(c.Log.Level, 0)
	needsRestart := d.started.NeedsRestart(c)
	d.update(func(s *state) {
		s.config, s.authservID, s.loaded, s.needsRestart = c, authservID, time.Now(), needsRestart
	})
	d.log.Info("configuration reloaded", zap.String("config", d.opt.File), zap.String("mode", string(c.Mode)), zap.String("authserv_id", authservID),
		zap.Strings("changes", l.changes))
	d.logExpired(c)
	d.logExposed(c)
	for _, name := range needsRestart {
		d.log.Warn(fmt.Sprintf("%s changed, which needs a restart", name), zap.String("key", name))
	}
	return nil
}

// logExpired logs the rules and entries of a new configuration whose end has passed, in
// one line.
func (d *daemon) logExpired(c *config.Config) {
	const most = 20
	expired := c.Expired(time.Now())
	if len(expired) == 0 {
		return
	}
	lines := linesOf(expired)
	if n := len(lines); n > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", n-most))
	}
	d.log.Warn("rules or entries have ended and have no effect", zap.Strings("expired", lines))
}

func (d *daemon) replaceResolver(c *config.Config) error {
	r, err := c.NewResolver(d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(r, d.config().DNS.Timeout)
	d.log.Info("the section dns changed: new resolver, empty cache", zap.String("resolvers", d.dns.describe(c)))
	return nil
}
