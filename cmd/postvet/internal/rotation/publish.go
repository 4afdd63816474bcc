package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
)

// recordTTL is that of the records.
const recordTTL = time.Hour

func fingerprintOf(id string) string {
	fingerprint, _, _ := strings.Cut(id, "/")
	return fingerprint
}

// publish changes the record of a key if that is due: it adds that of a new key, revokes or
// removes that of an old one. A key that is gone is revealed or removed.
func (k *Keeper) publish(ctx context.Context, id string, s states.Key, shown keys.Shown) (changed bool, err error) {
	now := k.opt.Now()
	w := k.watches[id]
	if now.Before(w.publish) && w.publish.Sub(now) <= k.opt.Pace.Failed {
		return false, nil
	}
	change, due := k.change(id, s, shown)
	if due && k.opt.Publisher != nil {
		w.publish = now.Add(k.opt.Pace.Failed)
		err := k.opt.Publisher.Publish(ctx, change)
		k.counts.add(err)
		if err == nil {
			k.opt.Log.Info("record of a key changed", zap.String("key", s.Name), zap.String("record", describe(change)))
		}
		return err == nil, err
	}
	if s.Now() == states.Gone && k.opt.Plan.ripe(s, shown) && shown.All(keys.SeesNoRecord) {
		w.publish = now.Add(k.opt.Pace.Failed)
		return false, k.finish(id, s)
	}
	return false, nil
}

// change returns the change of a record that is due.
func (k *Keeper) change(id string, s states.Key, shown keys.Shown) (c publication.Change, due bool) {
	fingerprint := fingerprintOf(id)
	c = publication.Change{Name: s.Name, TTL: recordTTL, Ours: func(text string) bool { return keys.IsRecordOf(text, fingerprint) }}
	plan := k.opt.Plan
	switch s.Now() {
	case states.Pending:
		// One that was shown before was taken away by somebody, who knows why.
		if !shown.Any(keys.SeesNoRecord) || shown.Differs() || !s.Published.IsZero() {
			return c, false
		}
		own := Find(k.opt.Dir, s, id, k.opt.Strict)
		if own == nil {
			return c, false
		}
		c.Value = own.Record()
		return c, true
	case states.Retiring:
		if plan.Revoked > 0 {
			c.Value = keys.RevokedRecord(s.Type)
		}
		return c, plan.ripe(s, shown)
	case states.Revoked:
		return c, plan.ripe(s, shown)
	}
	return c, false
}

func describe(c publication.Change) string {
	switch {
	case c.Value == "":
		return "removed"
	case strings.HasSuffix(c.Value, "p="):
		return "revoked"
	}
	return "published"
}

// Find returns the key that a state is of; nil if its file is not there or cannot be used.
func Find(dir string, s states.Key, id string, strict bool) *keys.Key {
	entries, err := keys.ListDomain(dir, s.Domain(), strict)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Key != nil && e.Key.Fingerprint() == fingerprintOf(id) && e.Selector == s.Selector() {
			return e.Key
		}
	}
	return nil
}

// finish ends the life of a key whose record is gone: its file is removed, after it was
// revealed if it is to be.
func (k *Keeper) finish(id string, s states.Key) error {
	own := Find(k.opt.Dir, s, id, k.opt.Strict)
	revealed := false
	if k.opt.Plan.Reveal {
		if own != nil {
			if _, err := Reveal(own, k.opt.RevealDir); err != nil {
				return err
			}
		}
		_, err := os.Stat(revealedPath(k.opt.RevealDir, fingerprintOf(id)))
		revealed = err == nil // also by a process that ended before it could say so
	}
	if own != nil {
		if err := os.Remove(own.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w; remove it", own.Path, input.Cause(err))
		}
		k.opt.Log.Info("file of an old key removed", zap.String("key", s.Name), zap.Bool("revealed", revealed))
	}
	return k.opt.States.Update(func(known map[string]states.Key) {
		x, ok := known[id]
		switch {
		case !ok || x.Now() != states.Gone:
		case revealed:
			known[id] = x.Enter(states.Revealed, k.opt.Now())
		default:
			x.Successor = "" // nothing is left to do
			known[id] = x
		}
	})
}

func revealedPath(dir, fingerprint string) string { return filepath.Join(dir, fingerprint+".pem") }

// Reveal writes the private half of a key to a file that everybody may read, named by the
// fingerprint of the public half, and returns its name.
func Reveal(own *keys.Key, dir string) (string, error) {
	path := revealedPath(dir, own.Fingerprint())
	text, err := own.PEM()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".reveal-*")
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, input.Cause(err))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	return path, nil
}
