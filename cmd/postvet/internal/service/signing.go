package service

import (
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

// signing is the source of the keys that sign. A reload keeps what the new configuration
// names as before, so that it does not read all keys again, and opens the tables anew.
type signing struct {
	config  *config.Config
	options keys.Options
	source  *keys.Source
	stores  *KeyStores
	saving  atomic.Bool
	unsaved states.Fault
}

// KeyOptions returns where the keys of a configuration are, and which of them sign.
func KeyOptions(c *config.Config) keys.Options {
	return keys.Options{
		Dir: c.Sign.Keys, State: c.Sign.State, Strict: c.Sign.KeyPermissions == config.KeyPermissionsStrict, Ed25519: c.Sign.Ed25519,
	}
}

// signingKeys returns the source of keys for a configuration; nil if it signs nothing.
func (d *daemon) signingKeys(c *config.Config) *keys.Source {
	before := d.signing.Load()
	if !c.Sign.Signs() {
		d.saveKeyStates()
		d.signing.Store(nil)
		if before != nil {
			before.stores.CloseLater()
		}
		return nil
	}
	if before != nil && before.config == c {
		return before.source
	}
	s := &signing{config: c, options: KeyOptions(c)}
	var old *KeyStores
	if before != nil {
		old = before.stores
	}
	s.stores = NewKeyStores(c, &d.dns, old)
	if before != nil && before.options == s.options {
		s.source = before.source.With(s.stores.Store())
	} else {
		var err error
		if s.source, err = keys.OpenStore(s.stores.Store(), s.options); err != nil {
			d.log.Warn("states of keys not loaded, keys sign once the DNS shows them", zap.Error(err))
		}
		d.saveKeyStates() // of the former source
	}
	d.signing.Store(s)
	return s.source
}

// saveKeyStates writes the states of keys if they have changed.
func (d *daemon) saveKeyStates() {
	s := d.signing.Load()
	if s == nil {
		return
	}
	if err := s.source.Save(); s.unsaved.Tell(err, time.Now()) {
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
