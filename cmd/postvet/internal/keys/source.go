package keys

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// Source gives policy the keys of a [Store], and remembers which of them the DNS has
// shown. It implements [policy.SigningKeys].
type Source struct {
	store   Store
	dir     string // of the keys whose lives are kept
	states  *states.States
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

// Open returns the source of the keys in a directory. The error is that of [states.Open];
// the source can be used all the same.
func Open(o Options) (*Source, error) { return OpenStore(NewFolder(o.Dir, o.Strict), o) }

// OpenStore is [Open] for any store. It makes no use of Strict.
func OpenStore(store Store, o Options) (*Source, error) {
	known, err := states.Open(o.State)
	return &Source{store, filepath.Clean(o.Dir), known, o.Ed25519}, err
}

// With returns a source with the same states and another store.
func (s *Source) With(store Store) *Source {
	w := *s
	w.store = store
	return &w
}

// Save writes the states of the keys if they have changed, and reads what other processes
// have changed.
func (s *Source) Save() error { return errors.Join(s.states.Save(), s.states.Refresh()) }

// States returns where the keys are in their lives.
func (s *Source) States() *states.States { return s.states }

// Renew has a new key of a domain found at once.
func (s *Source) Renew(domain string) { Chain{s.store}.Renew(domain) }

// SigningKeys returns the keys of an address's domain that may sign: active ones first, then
// those that the DNS may not show yet, and last those whose successor has just come.
// Otherwise they are in the order of the store. Ed25519 keys never sign alone: large
// receivers do not verify them.
func (s *Source) SigningKeys(ctx context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	found, err := s.store.Keys(ctx, address)
	var usable []ranked
	var rsa, usableRSA bool
	var why []error
	for _, k := range found {
		r, state := s.rank(k)
		isRSA := k.Type() == "rsa"
		rsa = rsa || isRSA
		switch {
		case r.may && (isRSA || s.ed25519):
			usableRSA = usableRSA || isRSA
			usable = append(usable, r)
		case isRSA:
			why = append(why, fmt.Errorf("%s is %s", k.Name(), unusable(state)))
		}
	}
	if len(found) > 0 && !rsa {
		why = append(why, fmt.Errorf("%s has Ed25519 keys alone, which large receivers do not verify: add an RSA key", address.Domain))
	}
	if !usableRSA {
		if err == nil && len(why) > 0 {
			return nil, &policy.UnusableKeys{Why: errors.Join(why...)}
		}
		return nil, errors.Join(append([]error{err}, why...)...)
	}
	slices.SortStableFunc(usable, func(a, b ranked) int { return a.rank - b.rank })
	list := make([]policy.SigningKey, len(usable))
	for i, r := range usable {
		list[i] = policy.SigningKey{
			Domain: r.key.Domain, Selector: r.key.Selector, Signer: r.key.Signer(), ID: r.key.Fingerprint(), Set: r.key.Set, WasPublished: r.published,
		}
	}
	return list, err
}

// ranked is a key with its place among those of an address.
type ranked struct {
	key       *Key
	rank      int
	may       bool // sign
	published bool
}

// rank returns the place of a key. Those of other stores than the directory keep the order
// of their store, and no life is kept of them: it is not ours to end.
func (s *Source) rank(k *Key) (ranked, states.Key) {
	id := states.ID(k.Fingerprint(), k.Name())
	state, known := s.states.Get(id)
	if s.dir == "" || filepath.Dir(filepath.Dir(k.Path)) != s.dir {
		return ranked{key: k, may: true, published: !state.Published.IsZero()}, state
	}
	if !known || state.Type != k.Type() {
		s.states.Found(id, k.Name(), k.Type())
		state, _ = s.states.Get(id)
	}
	r := ranked{key: k}
	r.rank, r.may = rankOf(state)
	r.published = state.Now() != states.Retiring && !state.Published.IsZero() && !state.Lost()
	return r, state
}

// rankOf returns which keys are tried before a key, and whether it may sign at all. A key
// that went because of its successor may still sign where that one cannot; one that
// the administrator took away may not.
func rankOf(k states.Key) (rank int, may bool) {
	switch k.Now() {
	case states.Active:
		return 0, true
	case states.Pending:
		return 1, !k.Differs
	case states.Retiring:
		return 2, k.Successor != ""
	}
	return 0, false
}

// unusable says why a key may not sign.
func unusable(k states.Key) string {
	if k.Now() == states.Pending {
		return "pending: its name servers contradict one another"
	}
	return string(k.Now()) + " and signs no more"
}

// Published notes that the DNS shows a key.
func (s *Source) Published(k policy.SigningKey) {
	name := dkim.KeyName(k.Selector, k.Domain)
	s.states.Shown(states.ID(k.ID, name), name, time.Now())
}
