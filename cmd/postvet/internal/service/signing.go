package service

import (
	"path/filepath"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
)

// signing is the source of the keys that sign. A reload keeps it if the configuration
// still names the same files, so that it does not read all keys again.
type signing struct {
	options keys.Options
	source  *keys.Source
	saving  atomic.Bool
}

// KeyOptions returns where the keys of a configuration are, and which of them sign.
func KeyOptions(c *config.Config) keys.Options {
	return keys.Options{
		Dir: c.Sign.Keys, State: c.Sign.State, Strict: c.Sign.KeyPermissions == config.KeyPermissionsStrict, Ed25519: c.Sign.Ed25519,
	}
}

// signingKeys returns the source of keys for a configuration; nil if it signs nothing.
func (d *daemon) signingKeys(c *config.Config) *keys.Source {
	if c.Sign.Keys == "" {
		d.saveKeyStates()
		d.signing.Store(nil)
		return nil
	}
	o := KeyOptions(c)
	if s := d.signing.Load(); s != nil && s.options == o {
		return s.source
	}
	source, err := keys.Open(o)
	if err != nil {
		d.log.Warn("states of keys not loaded, keys sign once the DNS shows them", zap.Error(err))
	}
	d.saveKeyStates() // of the former source
	d.signing.Store(&signing{options: o, source: source})
	return source
}

// saveKeyStates writes the states of keys if they have changed.
func (d *daemon) saveKeyStates() {
	s := d.signing.Load()
	if s == nil {
		return
	}
	if err := s.source.Save(); err != nil {
		d.log.Warn("states of keys not saved; they are in memory", zap.String("file", s.options.State),
			zap.Error(err), zap.String("remedy", "let the service's user write in "+filepath.Dir(s.options.State)+", or change sign.state"))
	}
}

// saveKeyStatesAside does so in the background: a disk that hangs must not stop the loop.
func (d *daemon) saveKeyStatesAside() {
	s := d.signing.Load()
	if s == nil || !s.saving.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer s.saving.Store(false)
		d.saveKeyStates()
	}()
}
