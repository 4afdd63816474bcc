package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// Source gives policy the keys of a [Store], and remembers which of them the DNS has
// shown. It implements [policy.SigningKeys].
type Source struct {
	store   Store
	states  *States
	ed25519 bool
}

// Options say where keys are and which of them sign.
type Options struct {
	// Dir is the directory of the keys; State the file that keeps their states, "" for
	// memory alone.
	Dir, State string
	// Strict keeps key files with unsafe permissions from being used.
	Strict bool
	// Ed25519 lets keys of this type sign beside RSA keys.
	Ed25519 bool
}

// Open returns the source of the keys in a directory. The error is that of [LoadStates];
// the source can be used all the same.
func Open(o Options) (*Source, error) { return OpenStore(NewFolder(o.Dir, o.Strict), o) }

// OpenStore is [Open] for any store. It makes no use of Dir and Strict.
func OpenStore(store Store, o Options) (*Source, error) {
	states, err := LoadStates(o.State)
	return &Source{store, states, o.Ed25519}, err
}

// Save writes the states of the keys if they have changed.
func (s *Source) Save() error { return s.states.Save() }

// SigningKeys returns the keys of an address's domain that sign, in the order of the store. Ed25519
// keys never sign alone: large receivers do not verify them.
func (s *Source) SigningKeys(ctx context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	domain := address.Domain
	found, err := s.store.Keys(ctx, address)
	var list []policy.SigningKey
	rsa := slices.ContainsFunc(found, func(k *Key) bool { return k.Type() == "rsa" })
	for _, k := range found {
		if k.Type() == "rsa" || rsa && s.ed25519 {
			list = append(list, policy.SigningKey{
				Domain: k.Domain, Selector: k.Selector, Signer: k.Signer(), ID: k.Fingerprint(), Set: k.Set, WasPublished: s.states.Published(k.Fingerprint()),
			})
		}
	}
	if len(found) > 0 && !rsa {
		err = errors.Join(err, fmt.Errorf("%s has Ed25519 keys alone, which large receivers do not verify: add an RSA key", domain))
	}
	return list, err
}

// Published notes that the DNS shows a key.
func (s *Source) Published(k policy.SigningKey) {
	s.states.SetPublished(k.ID, dkim.KeyName(k.Selector, k.Domain))
}
