package main

import (
	"fmt"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/config"
)

// reload validates the whole configuration and then swaps it in one step. On
// any fault the old one stays in force, and the log says so.
func (d *daemon) reload() {
	d.notify(systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec())
	status := "configuration reloaded at " + time.Now().Format(time.TimeOnly)
	err := d.replaceConfig()
	d.metrics.Reloaded(err)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			d.log.Error("configuration refused, the old one stays in force", zap.String("error", strings.TrimSuffix(line, "\n")))
		}
		status = "configuration refused, the old one is in force; the log says why"
	}
	d.notify(systemd.SdNotifyReady + "\nSTATUS=" + status)
}

// replaceConfig does all that can fail before anything changes.
func (d *daemon) replaceConfig() error {
	c, err := d.load()
	if err != nil {
		return err
	}
	id, err := authservID(c)
	if err != nil {
		return err
	}
	if !c.SameDNS(d.config) {
		if err := d.replaceResolver(c); err != nil {
			return err
		}
	}
	d.server.SetHandler(d.handler(c, id))
	d.log.use(c.Log)
	d.config = c
	d.log.Info("configuration reloaded", zap.String("config", d.file), zap.String("mode", c.Mode), zap.String("authserv_id", id))
	for _, name := range d.started.NeedsRestart(c) {
		d.log.Warn(fmt.Sprintf("%s changed, which needs a restart", name), zap.String("key", name))
	}
	return nil
}

func (d *daemon) replaceResolver(c *config.Config) error {
	r, err := newResolver(c, d.log.Named("dns"))
	if err != nil {
		return err
	}
	d.dns.replace(r, d.config.DNS.Timeout)
	d.log.Info("the section dns changed: new resolver, empty cache")
	return nil
}
