package plan

import (
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// Make returns the plan of the findings of a zone, with those of their changes that
// help, and the later steps that depend on these. judge inspects
// again with changes, and returns the findings.
func Make(zone string, before finding.Lists, judge func([]finding.Change) finding.Lists, later func([]finding.Change) []Step) *Plan {
	var mine []finding.Change
	for _, c := range Changes(before) {
		if ours(&c, zone) {
			mine = append(mine, c)
		}
	}
	changes := confirm(before, mine, judge)
	var steps []Step
	if later != nil {
		steps = later(changes)
	}
	p := New(zone, changes, steps)
	p.Omitted = len(mine) - len(changes)
	p.Confirmed = len(changes) > 0
	return &p
}

// maxAlone bounds the findings whose changes are judged one by one.
const maxAlone = 16

// confirm returns those of the changes of findings that do what they are to do: with them
// the findings are gone, and nothing is wrong that was not before. Changes that have to
// wait for something else cannot be judged, and are taken as they are.
func confirm(before finding.Lists, mine []finding.Change, judge func([]finding.Change) finding.Lists) (good []finding.Change) {
	var waiting, all []finding.Change
	for _, c := range mine {
		switch {
		case Check(&c) != nil:
		case c.When != "":
			waiting = append(waiting, c)
		default:
			all = append(all, c)
		}
	}
	if len(all) == 0 || helps(before, judge(all), all) {
		return append(all, waiting...)
	}
	tried := 0
	for f := range before.All() {
		next := slices.Clone(good)
		for _, c := range f.Changes {
			if slices.Contains(all, c) && !slices.Contains(next, c) {
				next = append(next, c)
			}
		}
		if len(next) == len(good) {
			continue
		}
		if tried++; tried > maxAlone {
			break
		}
		if helps(before, judge(next), next) {
			good = next
		}
	}
	return append(good, waiting...)
}

// helps reports whether the findings of changes are gone afterwards, and no error is new.
func helps(before, after finding.Lists, changes []finding.Change) bool {
	known, left := map[string]bool{}, map[string]bool{}
	for f := range before.All() {
		known[f.Text] = true
	}
	for f := range after.All() {
		if f.Severity == finding.Error && !known[f.Text] {
			return false
		}
		left[f.Text] = true
	}
	for f := range before.All() {
		if f.Severity == finding.OK || len(f.Changes) == 0 || !left[f.Text] {
			continue
		}
		if !slices.ContainsFunc(f.Changes, func(c finding.Change) bool {
			return !slices.ContainsFunc(changes, func(o finding.Change) bool { return same(&o, &c) })
		}) {
			return false // all of its changes were made, and it is still there
		}
	}
	return true
}
