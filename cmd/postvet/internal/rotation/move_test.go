package rotation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

const (
	name = "s1._domainkey.example.org"
	day  = 24 * time.Hour
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// saw returns what servers show: k the key, n no record, r a revoked one, o another one, and
// x nothing, since it fails.
func saw(letters string) keys.Shown {
	s := keys.Shown{TTL: time.Hour, NegativeTTL: 5 * time.Minute}
	for _, c := range letters {
		w := map[rune]keys.Sight{'k': keys.SeesKey, 'n': keys.SeesNoRecord, 'r': keys.SeesRevoked, 'o': keys.SeesOther, 'x': keys.SeesNothing}[c]
		s.Sights = append(s.Sights, w)
		s.Words = append(s.Words, string(c))
	}
	return s
}

// TestMove: each state under each sight. A failure alone changes no state.
func TestMove(t *testing.T) {
	t.Parallel()
	plan := Plan{Keep: 7 * day, Revoked: 30 * day, Publishes: true}
	byHand := plan
	byHand.Publishes = false
	key := func(s states.State, waited time.Duration) states.Key {
		return states.Key{Name: name, Type: "rsa", State: s, Since: noon, Waited: waited, Published: noon}
	}
	followed := func(s states.State, waited time.Duration) states.Key {
		k := key(s, waited)
		k.Successor = "next"
		return k
	}
	tests := []struct {
		name    string
		plan    Plan
		key     states.Key
		sees    string
		elapsed time.Duration
		want    string // state, waited, and what is wrong
	}{
		{"pending, absent", plan, key(states.Pending, 0), "nn", time.Minute, "pending 0s n; n"},
		{"pending, first seen", plan, key(states.Pending, 0), "kk", 0, "pending 1ns"},
		{"pending, seen long enough", plan, key(states.Pending, 4*time.Minute), "kk", time.Minute, "active 0s"},
		{"pending, one lags behind", plan, key(states.Pending, 4*time.Minute), "kn", time.Minute, "pending 0s differs n"},
		{"pending, another key", plan, key(states.Pending, 4*time.Minute), "oo", time.Minute, "pending 0s o; o"},
		{"pending, one fails", plan, key(states.Pending, 4*time.Minute), "kx", time.Minute, "pending 4m0s x"},
		{"pending, all fail", plan, key(states.Pending, 4*time.Minute), "xx", time.Minute, "pending 4m0s x; x"},
		{"pending, never watched before", plan, states.Key{Name: name, Type: "rsa"}, "nn", 0, "pending 0s n; n"},
		{"never watched before, and the servers cannot be asked", plan, states.Key{Name: name, Type: "rsa"}, "xx", 0, "pending 0s x; x"},
		{"active", plan, key(states.Active, 0), "kk", time.Hour, "active 0s"},
		{"active, never watched before", plan, states.Key{Name: name, Type: "rsa", Published: noon}, "kk", 0, "active 0s"},
		{"active, all fail", plan, key(states.Active, 0), "xx", time.Hour, "active 0s"},
		{"active, one fails", plan, key(states.Active, 0), "kx", time.Hour, "active 0s"},
		{"active, one lost it", plan, key(states.Active, 0), "kn", time.Hour, "pending 0s differs n"},
		{"active, all lost it", plan, key(states.Active, 0), "nn", time.Hour, "pending 0s n; n"},
		{"active, one lost it and one fails", plan, key(states.Active, 0), "xn", time.Hour, "pending 0s x; n"},
		{"active, revoked", plan, key(states.Active, 0), "rr", time.Hour, "pending 0s r; r"},
		{"retiring", plan, followed(states.Retiring, 6*day), "kk", time.Hour, "retiring 145h0m0s"},
		{"retiring, ripe", plan, followed(states.Retiring, 8*day), "kk", time.Hour, "retiring 193h0m0s"},
		{"retiring, ripe, by hand", byHand, followed(states.Retiring, 8*day), "kk", time.Hour, "retiring 193h0m0s its time is over: revoke its record (p= empty) or remove it"},
		{"retiring by hand stays", plan, key(states.Retiring, 0), "kk", time.Hour, "retiring 0s"},
		{"retiring, fails", plan, followed(states.Retiring, 6*day), "xx", time.Hour, "retiring 145h0m0s"},
		{"retiring, revoked", plan, followed(states.Retiring, 8*day), "rr", time.Hour, "revoked 0s"},
		{"retiring, revoked on one", plan, followed(states.Retiring, 8*day), "rk", time.Hour, "retiring 193h0m0s"},
		{"retiring, removed", plan, followed(states.Retiring, 8*day), "nn", time.Hour, "gone 0s"},
		{"revoked", plan, followed(states.Revoked, 0), "rr", time.Hour, "revoked 1h0m0s"},
		{"revoked, fails", plan, followed(states.Revoked, 0), "xr", time.Hour, "revoked 0s"},
		{"revoked, ripe, by hand", byHand, followed(states.Revoked, 31*day), "rr", time.Hour, "revoked 745h0m0s its time is over: remove its record"},
		{"revoked, back again", plan, followed(states.Revoked, 0), "rk", time.Hour, "revoked 0s k"},
		{"revoked, removed", plan, followed(states.Revoked, 31*day), "nn", time.Hour, "gone 0s"},
		{"gone", plan, followed(states.Gone, 0), "nn", time.Hour, "gone 1h0m0s"},
		{"gone, back again", plan, followed(states.Gone, 6*day), "kn", time.Hour, "gone 0s k"},
		{"gone, fails", plan, followed(states.Gone, 6*day), "xn", time.Hour, "gone 144h0m0s"},
	}
	for _, tt := range tests {
		got := tt.plan.move(tt.key, saw(tt.sees), tt.elapsed, noon.Add(day))
		text := string(got.Now()) + " " + got.Waited.String()
		if got.Differs {
			text += " differs"
		}
		if text += " " + got.Problem; strings.TrimSpace(text) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
		if (got.State == "") != (tt.key.State == "" && tt.sees == "xx") {
			t.Errorf("%s: nothing was decided", tt.name)
		}
	}
}

// TestRetireFormer: a successor takes the place of keys of its domain and type, and of no
// others.
func TestRetireFormer(t *testing.T) {
	t.Parallel()
	key := func(name, kind string, s states.State) states.Key {
		return states.Key{Name: name + "._domainkey.example.org", Type: kind, State: s, Published: noon}
	}
	known := map[string]states.Key{
		"new": key("new", "rsa", states.Active), "old": key("old", "rsa", states.Active), "unwatched": key("unwatched", "rsa", ""),
		"ed": key("ed", "ed25519", states.Active), "next": key("next", "rsa", states.Pending),
		"other": {Name: "new._domainkey.example.net", Type: "rsa", State: states.Active},
	}
	retireFormer(known, "new", noon)
	got := map[string]string{}
	for id, k := range known {
		got[id] = string(k.Now()) + " " + k.Successor
	}
	want := map[string]string{
		"new": "active ", "old": "retiring new", "unwatched": "retiring new", "ed": "active ", "next": "pending ", "other": "active ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
