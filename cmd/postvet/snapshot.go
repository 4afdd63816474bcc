package main

import (
	"errors"
	"io/fs"

	"go.uber.org/zap"
)

// loadAnswers fills the DNS cache with what the last run saved, so that a
// restart under load does not ask for everything at once. A snapshot that cannot
// be used is reported and left out.
func (d *daemon) loadAnswers() {
	file := d.config.DNS.Snapshot
	if file == "" {
		return
	}
	switch n, err := d.dns.current.Load().Load(file); {
	case err == nil:
		d.log.Info("dns answers loaded", zap.String("file", file), zap.Int("answers", n))
	case !errors.Is(err, fs.ErrNotExist): // absent at the first start
		d.log.Warn("dns answers not loaded, starting with an empty cache", zap.Error(err))
	}
}

// saveAnswers keeps the DNS cache for the next run.
func (d *daemon) saveAnswers() {
	if file := d.config.DNS.Snapshot; file != "" {
		if err := d.dns.current.Load().Save(file); err != nil {
			d.log.Warn("dns answers not saved", zap.Error(err))
		}
	}
}
