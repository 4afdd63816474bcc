package dnscache

import (
	"cmp"
	"slices"
	"strings"
)

// Held is one answer in the cache.
type Held struct {
	Name string // in the presentation form of RFC 1035 section 5.1
	// Type is what was asked for, 0 for an NXDOMAIN, which speaks of all types.
	Type   Type
	Answer *Answer
	Bytes  int64 // of memory
}

// Selection says which answers of the cache to select.
type Selection struct {
	// Name is as in Lookup; "." or "" stands for all names. An authentic NXDOMAIN
	// of a name above speaks of Name too and is selected with it.
	Name string
	// Below selects the names below Name as well.
	Below bool
	// Type is 0 for all types. An NXDOMAIN, which speaks of all types, is selected
	// whatever Type is.
	Type Type
	// Most bounds how many answers are returned; 0 for no bound.
	Most int
}

// Select returns selected answers by name and type, and how many there are in all.
// If there are more than Most, those returned are some of them. An answer past its
// Expires is kept for the case that the servers fail, or until it is evicted.
func (r *Resolver) Select(s Selection) (held []Held, all int) {
	matches := s.matcher()
	r.store.each(func(e *entry) {
		if !matches(e) {
			return
		}
		if all++; s.Most == 0 || len(held) < s.Most {
			held = append(held, Held{Name: answerName(presentation(e.name())), Type: e.typ, Answer: e.answer, Bytes: e.cost})
		}
	})
	slices.SortFunc(held, func(a, b Held) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return held, all
}

// Flush removes the answers for a name and for the names below it from the cache,
// and returns how many there were; "." or "" stands for all names. An NXDOMAIN of a
// name above is removed too, as it speaks of this name.
//
// Questions in flight are answered, but their answers are not kept.
func (r *Resolver) Flush(name string) int {
	below, above := belowMatcher(name), namesAbove(name)
	return r.flights.flush(func() int {
		return r.store.remove(func(e *entry) bool {
			return below(e.name()) || e.typ == anyType && above[e.name()]
		})
	})
}

// FlushName is Flush without the names below, and without NXDOMAINs of names above
// that are not authentic.
func (r *Resolver) FlushName(name string) int {
	matches := Selection{Name: name}.matcher()
	return r.flights.flush(func() int { return r.store.remove(matches) })
}

// matcher returns the function that reports whether an entry is selected.
func (s Selection) matcher() func(*entry) bool {
	below, above := belowMatcher(s.Name), namesAbove(s.Name)
	name, valid := keyName(s.Name)
	all := s.Name == "" || s.Name == "."
	return func(e *entry) bool {
		held := e.name()
		exact := all || valid && held == name
		if e.typ == anyType && above[held] && (e.answer.Authentic || exact) {
			return true
		}
		if e.typ != anyType && s.Type != 0 && e.typ != s.Type {
			return false
		}
		return exact || s.Below && below(held)
	}
}

// belowMatcher returns the function that reports whether another name, as keys
// have it, is the given one or below it.
func belowMatcher(name string) func(string) bool {
	if name == "" || name == "." {
		return func(string) bool { return true }
	}
	name, ok := keyName(name)
	return func(other string) bool {
		rest, below := strings.CutSuffix(other, name)
		return ok && below && (rest == "" || rest[len(rest)-1] == '.')
	}
}

// namesAbove returns a name and those above it.
func namesAbove(name string) map[string]bool {
	names := map[string]bool{}
	if name, ok := keyName(name); ok {
		for more := true; more; {
			names[name] = true
			_, name, more = strings.Cut(name, ".")
		}
	}
	return names
}
