package rotation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
)

// What follows is done by hand. A key that is taken away by hand has no successor, so that
// a Keeper leaves the rest of its life to the administrator.

// ErrOnly is the error of taking away the only key that signs for a domain.
var ErrOnly = errors.New("it is the only active key of its domain")

// ErrShown is the error of an end that name servers do not know of yet.
var ErrShown = errors.New("name servers still show a record")

// ErrState is the error of a key whose state forbids a step.
var ErrState = errors.New("the key is in another state")

// ErrEarly is the error of a key that is to be revealed too early.
var ErrEarly = errors.New("it is too early")

// only reports whether no other RSA key signs for the domain of one that does.
func only(o Options, id string) bool {
	s, _ := o.States.Get(id)
	if s.Now() != states.Active || s.Type != "rsa" {
		return false
	}
	alone := true
	o.States.Each(func(other string, x states.Key) {
		if other != id && x.Now() == states.Active && x.Type == "rsa" && x.Domain() == s.Domain() {
			alone = false
		}
	})
	return alone
}

// enter puts a key into a state.
func enter(o Options, k *keys.Key, to states.State) error {
	id := states.ID(k.Fingerprint(), k.Name())
	return o.States.Update(func(known map[string]states.Key) {
		s := known[id]
		s.Name, s.Type = k.Name(), k.Type()
		s = s.Enter(to, now(o))
		s.Rotation, s.Successor = false, ""
		known[id] = s
	})
}

// Register notes a new key, and publishes its record if that is configured. published is
// false if a person is to do so.
func Register(ctx context.Context, o Options, k *keys.Key) (published bool, err error) {
	id := states.ID(k.Fingerprint(), k.Name())
	err = o.States.Update(func(known map[string]states.Key) {
		s := known[id]
		s.Name, s.Type = k.Name(), k.Type()
		if s.State == "" {
			s = s.Enter(states.Pending, now(o))
		}
		known[id] = s
	})
	if err != nil {
		return false, err
	}
	return publish(ctx, o, k, k.Record())
}

// publish has the record of a key changed, if there is a publisher.
func publish(ctx context.Context, o Options, k *keys.Key, value string) (done bool, err error) {
	if o.Publisher == nil {
		return false, nil
	}
	ours := func(text string) bool { return keys.IsRecordOf(text, k.Fingerprint()) }
	err = o.Publisher.Publish(ctx, publication.Change{Name: k.Name(), Value: value, TTL: recordTTL, Ours: ours})
	return err == nil, err
}

// Retire ends the signing by a key. Its record stays.
func Retire(o Options, k *keys.Key, force bool) error {
	if !force && only(o, states.ID(k.Fingerprint(), k.Name())) {
		return fmt.Errorf("%s: %w", k.Name(), ErrOnly)
	}
	return enter(o, k, states.Retiring)
}

// Revoke ends the signing by a key, and then the verification of what it signed. The key
// does not sign any more also if its record cannot be changed.
func Revoke(ctx context.Context, o Options, k *keys.Key, force bool) (published bool, err error) {
	if !force && only(o, states.ID(k.Fingerprint(), k.Name())) {
		return false, fmt.Errorf("%s: %w", k.Name(), ErrOnly)
	}
	if err := enter(o, k, states.Revoked); err != nil {
		return false, err
	}
	return publish(ctx, o, k, keys.RevokedRecord(k.Type()))
}

// Remove removes the record of a key that signs no more, and then its file. The file stays
// as long as a name server shows a record.
func Remove(ctx context.Context, o Options, k *keys.Key, force, keepFile bool) error {
	id := states.ID(k.Fingerprint(), k.Name())
	s, _ := o.States.Get(id)
	if !force && s.Now() == states.Active {
		return fmt.Errorf("%w: %s is active: retire it first", ErrState, k.Name())
	}
	if s.Now() == states.Active || s.Now() == states.Pending {
		if err := enter(o, k, states.Retiring); err != nil { // signs no more from here on
			return err
		}
	}
	published, err := publish(ctx, o, k, "")
	if err != nil {
		return err
	}
	if err := absent(ctx, o, k, published); err != nil {
		return err
	}
	if err := enter(o, k, states.Gone); err != nil || keepFile {
		return err
	}
	return removeFile(k)
}

// patience bounds how long a change that was made is waited for.
const patience = 20 * time.Second

// absent returns nil if no name server has a record of the key. After a change it waits a
// while for those that lag behind.
func absent(ctx context.Context, o Options, k *keys.Key, changed bool) error {
	for end := time.Now().Add(patience); ; {
		view, err := o.Ask(ctx, k.Name())
		if err != nil {
			return fmt.Errorf("the name servers of %s could not be asked: %w", k.Domain, err)
		}
		shown := keys.Compare(view, k.Fingerprint())
		switch {
		case shown.All(keys.SeesNoRecord):
			return nil
		case changed && time.Now().Before(end) && ctx.Err() == nil:
			time.Sleep(500 * time.Millisecond)
			continue
		case !shown.Any(keys.SeesKey) && !shown.Any(keys.SeesRevoked) && !shown.Any(keys.SeesOther):
			return fmt.Errorf("a name server could not be asked: %s", shown.Problem(keys.SeesNoRecord))
		}
		return fmt.Errorf("%w: %s", ErrShown, shown.Problem(keys.SeesNoRecord))
	}
}

func removeFile(k *keys.Key) error {
	if err := os.Remove(k.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", k.Path, input.Cause(err))
	}
	return nil
}

// RevealByHand publishes the private half of a key in a directory, when its record has been
// gone from all name servers for a week. The other file of the key is removed.
func RevealByHand(ctx context.Context, o Options, k *keys.Key, dir string, force bool) (path string, err error) {
	s, _ := o.States.Get(states.ID(k.Fingerprint(), k.Name()))
	switch {
	case s.Now() != states.Gone && s.Now() != states.Revealed:
		return "", fmt.Errorf("%w: %s is %s: remove its record first, with postvet key remove --keep-file", ErrState, k.Name(), s.Now())
	case !force && now(o).Sub(s.Since) < revealAfter:
		return "", fmt.Errorf("%w: the record of %s is gone since %s, and mail is verified for a week", ErrEarly, k.Name(), s.Since.Format(time.DateOnly))
	}
	if err := absent(ctx, o, k, false); err != nil {
		return "", err
	}
	if path, err = Reveal(k, dir); err != nil {
		return "", err
	}
	if err := enter(o, k, states.Revealed); err != nil {
		return "", err
	}
	return path, removeFile(k)
}
