package rotation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
)

// TestStats counts keys by state, and names which is rotated next and which are not shown any
// more. A key with a successor, or with a younger one beside it, is not the next one.
func TestStats(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	active := func(name string, days int) states.Key {
		return states.Key{Name: name, Type: "rsa", Published: ago(days), State: states.Active, Since: ago(days)}
	}
	lost := func(name string) states.Key {
		return states.Key{Name: name, Type: "rsa", Published: ago(9), State: states.Pending, Since: ago(1), Problem: "ns1 shows nothing"}
	}
	keys := []states.Key{
		active("old._domainkey.a.example", 100), active("young._domainkey.a.example", 10),
		active("one._domainkey.b.example", 50),
		active("one._domainkey.c.example", 80),
		{Name: "two._domainkey.c.example", Type: "rsa", State: states.Pending, Since: ago(1), Rotation: true},
		{Name: "undecided._domainkey.d.example", Type: "ed25519", Published: ago(20)},
		lost("z._domainkey.e.example"), lost("y._domainkey.e.example"), lost("x._domainkey.e.example"), lost("w._domainkey.e.example"),
		{Name: "table._domainkey.f.example", Published: ago(500)}, // of a table
	}
	known, err := states.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := known.Update(func(all map[string]states.Key) {
		for _, k := range keys {
			all[states.ID("x", k.Name)] = k
		}
	}); err != nil {
		t.Fatal(err)
	}
	k := New(Options{States: known, Plan: Plan{Every: 90 * 24 * time.Hour}, Now: func() time.Time { return now }})
	k.count()
	want := Stats{
		Keys: map[states.State]int{states.Active: 5, states.Pending: 5}, Unpublished: 4,
		Lost: []string{"w._domainkey.e.example", "x._domainkey.e.example", "y._domainkey.e.example"},
		Next: "one._domainkey.b.example", NextAt: now.AddDate(0, 0, 40),
	}
	if d := cmp.Diff(want, k.Stats(), cmpopts.IgnoreFields(Stats{}, "Oldest")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	k.opt.Plan.Every = 0
	if k.count(); k.Stats().Next != "" || !k.Stats().NextAt.IsZero() {
		t.Errorf("nothing is rotated by itself, and next is %q", k.Stats().Next)
	}
}
