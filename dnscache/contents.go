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
	sortHeld(held)
	return held
}

func sortHeld(held []Held) {
	slices.SortFunc(held, func(a, b Held) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return cmp.Compare(a.Type, b.Type)
	})
}

// Selection picks answers of the cache.
type Selection struct {
	// Name is taken as in Lookup. An authentic NXDOMAIN of a name above speaks of
	// it too and is picked with it. "." or "" is above all.
	Name string
	// Below picks the names below it as well.
	Below bool
	// Type is 0 for all types. An NXDOMAIN, which is about all types, is picked
	// whatever it is.
	Type Type
	// Most bounds how many are returned; 0 for no bound.
	Most int
}

// Select returns held answers as Dump does, and how many there are; if that is
// more than Most, those returned are some of them.
func (r *Resolver) Select(s Selection) (held []Held, all int) {
	matches := s.matches()
	r.store.each(func(e *entry) {
		if !matches(e) {
			return
		}
		if all++; s.Most == 0 || len(held) < s.Most {
			held = append(held, Held{Name: handed(presentation(e.name())), Type: e.typ(), Answer: &e.answer, Bytes: e.cost})
		}
	})
	sortHeld(held)
	return held, all
}

func (s Selection) matches() func(*entry) bool {
	below, above := selects(s.Name), cutsAbove(s.Name)
	exact := func(*entry) bool { return s.Name == "" || s.Name == "." }
	if key, ok := keyOf(s.Name, cutType); ok && !exact(nil) {
		exact = func(e *entry) bool { return e.name() == key[2:] }
	}
	return func(e *entry) bool {
		switch t := e.typ(); {
		case t == cutType && above[e.name()] && (e.answer.Authentic || exact(e)):
			return true
		case t != cutType && s.Type != 0 && t != s.Type:
			return false
		}
		return exact(e) || s.Below && below(e)
	}
}

// FlushName forgets the answers for a name, and authentic NXDOMAINs of names
// above, which speak of it, and returns how many there were. Apart from that it is
// Flush without the names below.
func (r *Resolver) FlushName(name string) int {
	matches := Selection{Name: name}.matches()
	return r.flights.forget(func() int { return r.store.remove(matches) })
}

// Flush forgets the answers for a name and for the names below it, and returns
// how many there were; "." or "" forgets all. The name is taken as in Lookup.
// Questions under way are answered to those who wait, but not kept.
//
// An NXDOMAIN of a name above is forgotten too: it speaks of this name.
func (r *Resolver) Flush(name string) int {
	matches := selects(name)
	above := cutsAbove(name)
	return r.flights.forget(func() int {
		return r.store.remove(func(e *entry) bool {
			return matches(e) || e.typ() == cutType && above[e.name()]
		})
	})
}

// cutsAbove are the name and those above it, where an NXDOMAIN speaks of it.
func cutsAbove(name string) map[string]bool {
	above := map[string]bool{}
	if key, ok := keyOf(name, cutType); ok {
		for s, more := key[2:], true; more; {
			above[s] = true
			_, s, more = strings.Cut(s, ".")
		}
	}
	return above
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
