package service

import (
	"fmt"
	"slices"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"go.uber.org/zap"
)

// reloading is a reload that is under way, and who waits for one. Files are read
// in a goroutine of their own, so that a file system that hangs keeps the
// service from nothing else.
type reloading struct {
	read   chan reading
	active bool
	served []chan<- error // wait for the one under way
	next   []chan<- error // came later, and may have changed the file since
	again  bool           // there is to be another one after this
}

// reading is what reading the configuration gave.
type reading struct {
	config *config.Config
	id     string
	err    error
}

var errStopping = &control.Refusal{Code: control.CodeBusy, Errors: []string{"the service is stopping and reloads nothing; the next start reads the configuration"}}

// requestReload begins a reload, or lets it follow the one under way. The result
// is sent to reply unless that is nil; it must have room.
func (d *daemon) requestReload(reply chan<- error) {
	r := &d.reloading
	if d.drained != nil {
		d.log.Warn("not reloading, the service is stopping")
		if reply != nil {
			reply <- errStopping
		}
		return
	}
	if reply != nil {
		r.next = append(r.next, reply)
	}
	r.again = true
	if !r.active {
		d.beginReload()
	}
}

func (d *daemon) beginReload() {
	r := &d.reloading
	r.active, r.again = true, false
	r.served, r.next = r.next, nil
	if r.read == nil {
		r.read = make(chan reading, 1)
	}
	d.notify(systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec())
	before := d.inForce()
	go func() {
		c, err := d.opt.Load()
		if err == nil {
			err = c.Emptied(before)
		}
		var id string
		if err == nil {
			id, err = c.EffectiveAuthservID()
		}
		r.read <- reading{c, id, err}
	}()
}

// finishReload puts in force what was read. On any fault the old configuration
// stays in force, and the log says so.
func (d *daemon) finishReload(got reading) {
	r := &d.reloading
	r.active = false
	if d.drained != nil {
		return // those who waited know
	}
	err := got.err
	if err == nil {
		err = d.replaceConfig(got.config, got.id)
	}
	d.metrics.Reloaded(err)
	now := time.Now()
	result := &control.Reloaded{At: now}
	status := "configuration reloaded at " + now.Format(time.TimeOnly)
	if err != nil {
		result.Errors = strings.Split(strings.TrimSuffix(err.Error(), "\n"), "\n")
		for _, line := range result.Errors {
			d.log.Error("configuration refused, the old one stays in force", zap.String("error", line))
		}
		status = "configuration refused, the old one is in force; the log says why"
	}
	d.change(func(s *standing) { s.lastReload = result })
	d.notify(systemd.SdNotifyReady + "\nSTATUS=" + status)
	for _, reply := range r.served {
		reply <- err
	}
	r.served = nil
	if r.again {
		d.beginReload()
	}
}

// refuseReloads tells those who wait that the service stops.
func (d *daemon) refuseReloads() {
	r := &d.reloading
	for _, reply := range slices.Concat(r.served, r.next) {
		reply <- errStopping
	}
	r.served, r.next, r.again = nil, nil, false
}

// replaceConfig does all that can fail before anything changes.
func (d *daemon) replaceConfig(c *config.Config, id string) error {
	if !c.SameDNS(d.inForce()) {
		if err := d.replaceResolver(c); err != nil {
			return err
		}
	}
	d.server.SetHandler(d.handler(c, id))
	d.metrics.SetRules(ruleNames(c))
	d.log.setBurst(c.Log)
	d.setLevel(c.Log.Level, 0)
	d.change(func(s *standing) {
		s.config, s.authservID, s.loaded, s.needsRestart = c, id, time.Now(), d.started.NeedsRestart(c)
	})
	d.log.Info("configuration reloaded", zap.String("config", d.opt.File), zap.String("mode", c.Mode), zap.String("authserv_id", id))
	for _, name := range d.standing.Load().needsRestart {
		d.log.Warn(fmt.Sprintf("%s changed, which needs a restart", name), zap.String("key", name))
	}
	return nil
}

func (d *daemon) replaceResolver(c *config.Config) error {
	r, err := c.NewResolver(d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(r, d.inForce().DNS.Timeout)
	d.log.Info("the section dns changed: new resolver, empty cache")
	return nil
}
