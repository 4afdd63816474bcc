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
	dir, stateFile string
	strict         bool
	source         *keys.Source
	states         *keys.States
	saving         atomic.Bool
}

// signingKeys returns the source of keys for a configuration; nil if it signs nothing.
func (d *daemon) signingKeys(c *config.Config) *keys.Source {
	if c.Sign.Keys == "" {
		d.signing.Store(nil)
		return nil
	}
	strict := c.Sign.KeyPermissions == config.KeyPermissionsStrict
	if s := d.signing.Load(); s != nil && s.dir == c.Sign.Keys && s.stateFile == c.Sign.State && s.strict == strict {
		return s.source
	}
	states, err := keys.LoadStates(c.Sign.State)
	if err != nil {
		d.log.Warn("states of keys not loaded, keys sign once the DNS shows them", zap.Error(err))
	}
	s := &signing{dir: c.Sign.Keys, stateFile: c.Sign.State, strict: strict, states: states}
	s.source = keys.NewSource(keys.NewFolder(s.dir, strict), states)
	d.saveKeyStates() // of the former source
	d.signing.Store(s)
	return s.source
}

// saveKeyStates writes the states of keys if they have changed.
func (d *daemon) saveKeyStates() {
	s := d.signing.Load()
	if s == nil {
		return
	}
	if err := s.states.Save(); err != nil {
		d.log.Warn("states of keys not saved; they are in memory", zap.String("file", s.stateFile),
			zap.Error(err), zap.String("remedy", "let the service's user write in "+filepath.Dir(s.stateFile)+", or change sign.state"))
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
