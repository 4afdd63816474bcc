//go:build linux

package main

import (
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// nameOnly is an MTA without any function.
type nameOnly struct{ realmta.MTA }

func (nameOnly) Name() string { return "Postfix" }

// TestPlayTells plays a sample that cannot be made: the row says so.
func TestPlayTells(t *testing.T) {
	t.Parallel()
	zone, err := realmta.NewZone()
	if err != nil {
		t.Fatal(err)
	}
	r := play(t.Context(), &realmta.Site{MTA: nameOnly{}, Zone: zone}, sample{name: "a", sent: "something", signed: true}) // for no domain
	if r.mta != "Postfix" || r.sent != "something" || r.problem == "" {
		t.Errorf("row %+v, want one with a problem", r)
	}
}
