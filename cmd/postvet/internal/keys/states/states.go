// Package states keeps where each key is in its life, over restarts.
//
// A key is pending until all name servers show its record, active while it signs,
// retiring while its record stays for the mail that is under way, revoked while the record
// says so, and then gone. The states are in a file of their own: the directory of the
// private keys may be read-only. Several processes
// may use the file, such as the service and "postvet key": each change is made under a
// lock, on what the file says at that moment, and replaces the file as a whole. A process
// that ends in between leaves the old file.
package states

import (
	"cmp"
	"maps"
	"strings"
	"sync"
	"time"
)

// State is where a key is in its life.
type State string

// The states, in the order of a life.
const (
	Pending  State = "pending"  // made; not all servers show it
	Active   State = "active"   // signs
	Retiring State = "retiring" // signs no more, its record stays
	Revoked  State = "revoked"  // its record says that it is not valid any more
	Gone     State = "gone"     // its record is removed
	Revealed State = "revealed" // its private half is published
)

// All returns all states in the order of a life.
func All() []State { return []State{Pending, Active, Retiring, Revoked, Gone, Revealed} }

// ID tells keys apart: a key may be published under several names.
func ID(fingerprint, name string) string { return fingerprint + "/" + name }

// Key is what is known of one key under one name.
type Key struct {
	Name string `json:"name"`           // of the record
	Type string `json:"type,omitempty"` // "rsa" or "ed25519"
	// Published is when the DNS was first seen to show the key.
	Published time.Time `json:"published,omitzero"`
	// State is "" for a key that nothing was decided about, see [Key.Now]. Since is when
	// it began.
	State State     `json:"state,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Waited is for how long the servers were seen to show what the next state needs. It
	// counts observed time, so that no jump of the clock ends a state.
	Waited time.Duration `json:"waited,omitempty"`
	// Differs is true if the servers contradict one another. Problem says what keeps the
	// key from its next state.
	Differs bool   `json:"differs,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Rotation is true for a key that takes the place of the present one. Successor is
	// the ID of the key that took the place of this one. Both go through
	// the rest of their life by themselves.
	Rotation  bool   `json:"rotation,omitempty"`
	Successor string `json:"successor,omitempty"`
	// Signed is when it last signed, by the day.
	Signed time.Time `json:"signed,omitzero"`
}

// Now returns the state. A key that nothing was decided about is active once the DNS has
// shown it, and pending before.
func (k Key) Now() State {
	switch {
	case k.State != "":
		return k.State
	case k.Published.IsZero():
		return Pending
	}
	return Active
}

// Lost reports whether the key signed, and a name server does not show it any more. A key
// that the DNS shows, while its servers cannot be asked one by one, is not lost.
func (k Key) Lost() bool {
	return k.Now() == Pending && !k.Published.IsZero() && k.Published.Before(k.Since)
}

// Domain returns the domain of the key.
func (k Key) Domain() string {
	_, domain, _ := strings.Cut(k.Name, "._domainkey.")
	return domain
}

// Selector returns the selector of the key.
func (k Key) Selector() string {
	selector, _, _ := strings.Cut(k.Name, "._domainkey.")
	return selector
}

// Enter begins a state.
func (k Key) Enter(s State, at time.Time) Key {
	if k.State == s {
		return k
	}
	k.State, k.Since, k.Waited, k.Differs, k.Problem = s, at.UTC().Truncate(time.Second), 0, false, ""
	if s == Active && k.Published.IsZero() {
		k.Published = k.Since
	}
	return k
}

// States is the file of states. It is safe for concurrent use.
type States struct {
	file string // "" to keep nothing

	disk sync.Mutex // held while the file is read or written

	mu    sync.Mutex
	known map[string]Key
	read  version // of the file, when it was last read
	notes map[string]note
	// urgent is true if a note must not wait: a key was seen in the DNS.
	urgent bool
	saved  time.Time
}

// note is what messages tell of a key.
type note struct {
	name, kind        string
	published, signed time.Time
}

// Get returns what is known of the key with an [ID].
func (s *States) Get(id string) (Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[id]
	return k, ok
}

// Known returns what is known of all keys, by [ID].
func (s *States) Known() map[string]Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.known)
}

// Each calls do for all keys. do must not call the States.
func (s *States) Each(do func(id string, k Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.known {
		do(id, k)
	}
}

// Found notes that there is a key, of a directory in which keys are kept from birth to end.
func (s *States) Found(id, name, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.known[id]; !ok || k.Type != kind {
		s.take(id, note{name: name, kind: kind})
		s.urgent = true
	}
}

// Shown notes that the DNS shows a key under a name, and that it signs.
func (s *States) Shown(id, name string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known[id]
	at = at.UTC().Truncate(time.Second)
	switch day := at.Truncate(24 * time.Hour); {
	case k.Published.IsZero():
		s.urgent = true
		s.take(id, note{name: name, published: at, signed: day})
	case !k.Signed.Equal(day):
		s.take(id, note{name: name, signed: day})
	}
}

// take adds a note, which holds at once and is in the file after the next Save.
func (s *States) take(id string, n note) {
	before := s.notes[id]
	n.kind = cmp.Or(n.kind, before.kind)
	if n.published.IsZero() {
		n.published = before.published
	}
	if n.signed.IsZero() {
		n.signed = before.signed
	}
	s.notes[id] = n
	s.known[id] = n.apply(s.known[id])
}

// apply adds what a note tells.
func (n note) apply(k Key) Key {
	k.Name, k.Type = n.name, cmp.Or(n.kind, k.Type)
	if k.Published.IsZero() {
		k.Published = n.published
	}
	if !n.signed.IsZero() {
		k.Signed = n.signed
	}
	return k
}
