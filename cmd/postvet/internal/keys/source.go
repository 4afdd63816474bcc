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
	store  Store
	states *States
}

// Open returns the source of the keys in a directory, whose states are kept in a file, ""
// for memory alone. With strict, key files with unsafe permissions are not used. The
// error is that of [LoadStates]; the source can be used all the same.
func Open(dir, stateFile string, strict bool) (*Source, error) {
	return OpenStore(NewFolder(dir, strict), stateFile)
}

// OpenStore is [Open] for any store.
func OpenStore(store Store, stateFile string) (*Source, error) {
	states, err := LoadStates(stateFile)
	return &Source{store, states}, err
}

// Save writes the states of the keys if they have changed.
func (s *Source) Save() error { return s.states.Save() }

// SigningKeys returns the RSA keys of an address's domain, the newest first. Ed25519
// keys never sign alone: large receivers do not verify them.
func (s *Source) SigningKeys(ctx context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	domain := address.Domain
	found, err := s.store.Keys(ctx, address)
	slices.SortStableFunc(found, func(a, b *Key) int { return b.Changed.Compare(a.Changed) })
	var list []policy.SigningKey
	for _, k := range found {
		if k.Type() == "rsa" {
			list = append(list, policy.SigningKey{
				Domain: k.Domain, Selector: k.Selector, Signer: k.Signer(), ID: k.Fingerprint(), Set: k.Set, WasPublished: s.states.Published(k.Fingerprint()),
			})
		}
	}
	if len(found) > 0 && len(list) == 0 {
		err = errors.Join(err, fmt.Errorf("%s has Ed25519 keys alone, which large receivers do not verify: add an RSA key", domain))
	}
	return list, err
}

// Published notes that the DNS shows a key.
func (s *Source) Published(k policy.SigningKey) {
	s.states.SetPublished(k.ID, dkim.KeyName(k.Selector, k.Domain))
}
