package rotation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/policy/dkim"
)

// beginDue begins the rotations of keys that are old enough.
func (k *Keeper) beginDue(ctx context.Context) {
	every := k.opt.Plan.Every
	if every == 0 {
		return
	}
	now := k.opt.Now()
	if wait := k.beginNext.Sub(now); wait > 0 && wait <= k.opt.Pace.Pending {
		return
	}
	k.beginNext = now.Add(k.opt.Pace.Pending)
	begun := 0
	for w, y := range k.youngest() {
		key := w.domain + " " + w.kind
		due := y.name != "" && now.Sub(y.since) >= every
		if retry := k.begin[key]; !due || begun == maxBegun || now.Before(retry) && retry.Sub(now) <= time.Hour {
			continue
		}
		begun++
		own, err := Begin(ctx, k.opt, w.domain, w.kind, "")
		k.counts.begun(key, err)
		if err != nil {
			k.begin[key] = now.Add(min(6*k.opt.Pace.Failed, time.Hour))
			k.opt.Log.Error("key rotation not begun", zap.String("domain", w.domain), zap.Error(err),
				zap.String("remedy", "let the service's user write in "+filepath.Join(k.opt.Dir, w.domain)+", or run postvet key rotate "+w.domain))
			continue
		}
		delete(k.begin, key)
		k.opt.Log.Info("key rotation begun", zap.String("domain", w.domain), zap.String("key", own.Name()))
	}
}

// domainType is what there is one key to rotate of.
type domainType struct{ domain, kind string }

// age is since when a key signs. The name is "" if its successor is on its way.
type age struct {
	name  string
	since time.Time
}

// youngest returns the active key of each domain and type that became active last.
func (k *Keeper) youngest() map[domainType]age {
	all := map[domainType]age{}
	k.opt.States.Each(func(_ string, s states.Key) {
		if s.Type == "" {
			return
		}
		w := domainType{s.Domain(), s.Type}
		known, there := all[w]
		switch {
		case s.Now() == states.Pending && s.Rotation:
			all[w] = age{}
		case s.Now() == states.Active && (!there || known.name != ""):
			since := s.Since
			if since.IsZero() {
				since = s.Published
			}
			if !there || since.After(known.since) {
				all[w] = age{s.Name, since}
			}
		}
	})
	return all
}

// ErrUnderWay is the error of a rotation that has begun before.
var ErrUnderWay = errors.New("a rotation is under way")

// Begin makes a successor of the active key of a domain and type, "rsa" or "ed25519", which
// becomes active by itself. A new key that somebody has made, and that was not shown yet, is
// taken as the successor, also one of a process that ended before it could say so.
// selector may be "".
func Begin(ctx context.Context, o Options, domain, kind, selector string) (*keys.Key, error) {
	entries, err := keys.ListDomain(o.Dir, domain, o.Strict)
	if err != nil {
		return nil, err
	}
	var former, own *keys.Key
	for _, e := range entries {
		if e.Key == nil || e.Key.Type() != kind {
			continue
		}
		s, _ := o.States.Get(states.ID(e.Key.Fingerprint(), e.Key.Name()))
		switch {
		case s.Now() == states.Pending && s.Rotation:
			return e.Key, fmt.Errorf("%w: %s waits for its record", ErrUnderWay, e.Key.Name())
		case s.Now() == states.Active && (former == nil || e.Key.Changed.After(former.Changed)):
			former = e.Key
		case s.Now() == states.Pending && s.Published.IsZero() && selector == "" && (own == nil || e.Key.Changed.After(own.Changed)):
			own = e.Key
		}
	}
	if own != nil && former != nil && !own.Changed.After(former.Changed) {
		own = nil
	}
	if own == nil {
		if own, err = create(ctx, o, domain, kind, selector, former, entries); err != nil {
			return nil, err
		}
	}
	id := states.ID(own.Fingerprint(), own.Name())
	return own, o.States.Update(func(known map[string]states.Key) {
		s := known[id]
		s.Name, s.Type = own.Name(), own.Type()
		s = s.Enter(states.Pending, now(o))
		s.Rotation = true
		known[id] = s
	})
}

func now(o Options) time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// create makes a key of the size of the former one, of at least 2048 bits.
func create(ctx context.Context, o Options, domain, kind, selector string, former *keys.Key, entries []keys.Entry) (*keys.Key, error) {
	sized := kind
	if kind == "rsa" {
		bits := 2048
		if former != nil && slices.Contains(keys.Types(), fmt.Sprintf("rsa%d", former.Bits())) {
			bits = former.Bits()
		}
		sized = fmt.Sprintf("rsa%d", bits)
	}
	if selector == "" {
		var err error
		if selector, err = freeSelector(ctx, o, domain, sized, entries); err != nil {
			return nil, err
		}
	}
	own, err := keys.Create(o.Dir, domain, selector, sized)
	if err == nil && o.Made != nil {
		o.Made(domain)
	}
	return own, err
}

// freeSelector returns a selector that no file, no state and no record has. The name of a
// key is never used again: receivers may remember its record.
func freeSelector(ctx context.Context, o Options, domain, kind string, entries []keys.Entry) (string, error) {
	used := map[string]bool{}
	for _, e := range entries {
		used[e.Selector] = true
	}
	o.States.Each(func(_ string, s states.Key) { used[s.Name] = true })
	first := keys.DefaultSelector(now(o), kind)
	for _, letter := range strings.Split(".bcdfghijklmnopqrstuvwxyz", "") { // "e" marks Ed25519
		selector := strings.TrimSuffix(first+letter, ".")
		name := dkim.KeyName(selector, domain)
		if used[selector] || used[name] {
			continue
		}
		if _, err := os.Lstat(filepath.Join(o.Dir, domain, selector+".pem")); err == nil {
			continue
		}
		view, err := o.Ask(ctx, name)
		if err == nil && slices.ContainsFunc(keys.Compare(view, "").Sights, func(s keys.Sight) bool { return s != keys.SeesNoRecord && s != keys.SeesNothing }) {
			continue
		}
		return selector, nil
	}
	return "", fmt.Errorf("%s: all selectors like %s are in use; name one with --selector", domain, strings.TrimSuffix(first, "e"))
}
