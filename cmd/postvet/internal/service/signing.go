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
	saving         atomic.Bool
}

// signingKeys returns the source of keys for a configuration; nil if it signs nothing.
func (d *daemon) signingKeys(c *config.Config) *keys.Source {
	if c.Sign.Keys == "" {
		d.saveKeyStates()
		d.signing.Store(nil)
		return nil
	}
	strict := c.Sign.KeyPermissions == config.KeyPermissionsStrict
	if s := d.signing.Load(); s != nil && s.dir == c.Sign.Keys && s.stateFile == c.Sign.State && s.strict == strict {
		return s.source
	}
	source, err := keys.Open(c.Sign.Keys, c.Sign.State, strict)
	if err != nil {
		d.log.Warn("states of keys not loaded, keys sign once the DNS shows them", zap.Error(err))
	}
	d.saveKeyStates() // of the former source
	d.signing.Store(&signing{dir: c.Sign.Keys, stateFile: c.Sign.State, strict: strict, source: source})
	return source
}

// saveKeyStates writes the states of keys if they have changed.
func (d *daemon) saveKeyStates() {
	s := d.signing.Load()
	if s == nil {
		return
	}
	if err := s.source.Save(); err != nil {
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
