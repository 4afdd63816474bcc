package rotation

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

// Plan says how long keys stay in their states.
type Plan struct {
	// Every is the age at which an active key gets a successor; 0 for never.
	Every time.Duration
	// Keep is how long the record of a retired key stays; at least as long as signatures
	// are valid. Revoked is how long a revoked record stays; 0 to remove the record at
	// once. A TTL is added to each.
	Keep, Revoked time.Duration
	// Reveal is true if the private half of old keys is to be published.
	Reveal bool
	// Publishes is true if records are published without a person.
	Publishes bool
}

// revealAfter is how long a record must be gone before its key is revealed.
const revealAfter = 7 * 24 * time.Hour

// maxNegative bounds the time that a new record waits for caches. RFC 2308 section 5
// recommends at most three hours, and most resolvers keep to a day.
const maxNegative = 24 * time.Hour

// move returns the next state of a key after a look at all name servers. elapsed is the
// time since the last look, as far as it was observed. The function knows no clock, no
// DNS and no files. A server that could not be asked changes no state.
func (p Plan) move(k states.Key, s keys.Shown, elapsed time.Duration, now time.Time) states.Key {
	switch k.Now() {
	case states.Pending:
		return p.pending(k, s, elapsed, now)
	case states.Active:
		switch {
		case s.Lacks():
			k = k.Enter(states.Pending, now)
			k.Differs, k.Problem = s.Differs(), s.Problem(keys.SeesKey)
		case s.All(keys.SeesKey):
			if k.State == "" { // its life began before it was watched
				since := k.Published
				k = k.Enter(states.Active, since)
			}
			k.Problem = ""
		}
	case states.Retiring:
		switch {
		case s.All(keys.SeesRevoked):
			k = k.Enter(states.Revoked, now)
		case s.All(keys.SeesNoRecord):
			k = k.Enter(states.Gone, now)
		case k.Successor != "":
			k.Waited += elapsed
			k.Problem = ""
			if p.ripe(k, s) && !p.Publishes {
				k.Problem = "its time is over: revoke its record (p= empty) or remove it"
			}
		}
	case states.Revoked:
		switch {
		case s.All(keys.SeesNoRecord):
			k = k.Enter(states.Gone, now)
		case s.All(keys.SeesRevoked):
			k.Waited += elapsed
			k.Problem = ""
			if k.Successor != "" && p.ripe(k, s) && !p.Publishes {
				k.Problem = "its time is over: remove its record"
			}
		case s.Any(keys.SeesKey):
			k.Problem = s.Problem(keys.SeesRevoked)
		}
	case states.Gone:
		switch {
		case s.All(keys.SeesNoRecord):
			k.Waited += elapsed
			k.Problem = ""
		case s.Any(keys.SeesKey):
			k.Waited, k.Problem = 0, s.Problem(keys.SeesNoRecord)
		}
	}
	return k
}

// pending is move for a key that waits for its record. Others may remember for the
// negative TTL that there was none.
func (p Plan) pending(k states.Key, s keys.Shown, elapsed time.Duration, now time.Time) states.Key {
	if s.Lacks() || s.All(keys.SeesKey) { // otherwise nothing is known, and the resolver decides
		k.State = states.Pending
		if k.Since.IsZero() {
			k.Since = now.UTC().Truncate(time.Second)
		}
	}
	switch {
	case s.Lacks():
		k.Waited, k.Differs, k.Problem = 0, s.Differs(), s.Problem(keys.SeesKey)
	case s.All(keys.SeesKey):
		k.Waited += max(elapsed, 1) // the first look counts as seen
		k.Differs, k.Problem = false, ""
		if k.Waited >= min(s.NegativeTTL, maxNegative) {
			k = k.Enter(states.Active, now)
		}
	default:
		k.Problem = s.Problem(keys.SeesKey)
	}
	return k
}

// ripe reports whether a key has been in its state for long enough.
func (p Plan) ripe(k states.Key, s keys.Shown) bool {
	switch k.Now() {
	case states.Retiring:
		return k.Successor != "" && k.Waited >= p.Keep+s.TTL
	case states.Revoked:
		return k.Successor != "" && k.Waited >= p.Revoked+s.TTL
	case states.Gone:
		return k.Successor != "" && (!p.Reveal || k.Waited >= revealAfter)
	}
	return false
}

// retireFormer retires the keys whose place a new key has taken: active ones of its domain
// and type.
func retireFormer(known map[string]states.Key, id string, now time.Time) (retired []string) {
	successor := known[id]
	for other, k := range known {
		if other != id && k.Now() == states.Active && k.Type == successor.Type && k.Domain() == successor.Domain() {
			k = k.Enter(states.Retiring, now)
			k.Successor = id
			known[other] = k
			retired = append(retired, other)
		}
	}
	successor.Rotation = false
	known[id] = successor
	return retired
}
