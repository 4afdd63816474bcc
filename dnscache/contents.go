package dnscache

import (
	"cmp"
	"slices"
	"strings"
)

// Held is one answer in the cache.
type Held struct {
	Name string // in the presentation form of RFC 1035 section 5.1
	// Type is what was asked for; 0 for an NXDOMAIN, which is about all types.
	Type   Type
	Answer *Answer
	Bytes  int64 // what it costs
}

// Dump returns the answers held for a name and for the names below it, by name
// and type; for "." or "" all. The name is taken as in Lookup. Answers past
// their Expires may be among them; they wait for a failure that makes them
// useful, or for eviction.
func (r *Resolver) Dump(name string) []Held {
	matches := selects(name)
	var held []Held
	r.store.each(func(e *entry) {
		if matches(e) {
			held = append(held, Held{Name: handed(presentation(e.name())), Type: e.typ(), Answer: &e.answer, Bytes: e.cost})
		}
	})
	slices.SortFunc(held, func(a, b Held) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return cmp.Compare(a.Type, b.Type)
	})
	return held
}

// Flush forgets the answers for a name and for the names below it, and returns
// how many there were; "." or "" forgets all. The name is taken as in Lookup.
// Questions under way are answered to those who wait, but not kept.
//
// An NXDOMAIN of a name above is forgotten too: it speaks of this name.
func (r *Resolver) Flush(name string) int {
	matches := selects(name)
	above := map[string]bool{}
	if key, ok := keyOf(name, cutType); ok {
		for s, more := key[2:], true; more; {
			above[s] = true
			_, s, more = strings.Cut(s, ".")
		}
	}
	return r.flights.forget(func() int {
		return r.store.remove(func(e *entry) bool {
			return matches(e) || e.typ() == cutType && above[e.name()]
		})
	})
}

// selects returns the test for entries of a name or below it.
func selects(name string) func(*entry) bool {
	if name == "" || name == "." {
		return func(*entry) bool { return true }
	}
	key, ok := keyOf(name, cutType)
	if !ok {
		return func(*entry) bool { return false }
	}
	n := key[2:]
	return func(e *entry) bool {
		rest, ok := strings.CutSuffix(e.name(), n)
		return ok && (rest == "" || rest[len(rest)-1] == '.')
	}
}
