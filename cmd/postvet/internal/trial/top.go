package trial

import (
	"cmp"
	"maps"
	"slices"
)

// Share is a name with the number of messages that are treated differently. AtMost is
// larger than Messages if so many names were seen that not all were counted.
type Share struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`
	AtMost   int    `json:"at_most"`
}

// The bounds of a top.
const (
	topNames = 20
	topKept  = 10_000
)

// top counts names, of which anybody may invent any number. When there are twice topKept,
// the rare ones are dropped as Misra and Gries have it: a count is too low by at most
// missed.
type top struct {
	counts map[string]int
	missed int
}

func (t *top) add(name string, n int) {
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if t.counts[name] += n; len(t.counts) >= 2*topKept {
		t.shrink()
	}
}

// shrink keeps at most topKept names.
func (t *top) shrink() {
	all := slices.Sorted(maps.Values(t.counts))
	least := all[len(all)-1-topKept]
	t.missed += least
	for name, n := range t.counts {
		if t.counts[name] = n - least; n <= least {
			delete(t.counts, name)
		}
	}
}

// merge adds the counts of another top.
func (t *top) merge(u *top) {
	t.missed += u.missed
	for name, n := range u.counts {
		t.add(name, n)
	}
}

// shares returns the most frequent names.
func (t *top) shares() []Share {
	all := []Share{}
	for name, n := range t.counts {
		all = append(all, Share{name, n, n + t.missed})
	}
	slices.SortFunc(all, func(a, b Share) int { return cmp.Or(b.Messages-a.Messages, cmp.Compare(a.Name, b.Name)) })
	return all[:min(len(all), topNames)]
}
