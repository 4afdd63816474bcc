package dnscache

import (
	"cmp"
	"slices"
	"strings"
)

// Held is one answer in the cache.
type Held struct {
	Name string // in the presentation form of RFC 1035 section 5.1
	// Type is the type of the question, 0 for an NXDOMAIN, which holds for all types.
	Type   Type
	Answer *Answer
	Bytes  int64 // of memory
	// Foreign is true if the answer came from another cache, see Import.
	Foreign bool
}

// Selection selects answers of the cache.
type Selection struct {
	// Name is a name as in Lookup; "." or "" selects all names. An authentic NXDOMAIN
	// of a name above also holds for Name and is selected too.
	Name string
	// Below selects the names below Name as well.
	Below bool
	// Type selects a type, 0 all types. An NXDOMAIN is always selected, because it holds
	// for all types.
	Type Type
	// Most bounds the number of answers; 0 for no bound.
	Most int
}

// Select returns the selected answers by name and type, and their total number. If there
// are more than Most, it returns some of them. Answers past their Expires are among them,
// since the cache keeps them for the case that the servers fail.
func (r *Resolver) Select(s Selection) (held []Held, all int) {
	matches := s.matcher()
	r.store.each(func(e *entry) {
		if !matches(e) {
			return
		}
		if all++; s.Most == 0 || len(held) < s.Most {
			held = append(held, Held{Name: answerName(presentation(e.name())), Type: e.typ, Answer: e.answer, Bytes: e.cost, Foreign: e.foreign})
		}
	})
	slices.SortFunc(held, func(a, b Held) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return held, all
}

// Flush removes the answers for a name and the names below it from the cache, and returns
// their number. "." or "" means all names. An NXDOMAIN of a name above is removed too,
// since it holds for this name.
//
// Lookups in flight get their answers, which are not kept in the cache.
func (r *Resolver) Flush(name string) int {
	below, above := belowMatcher(name), namesAbove(name)
	return r.flights.flush(func() int {
		return r.store.remove(func(e *entry) bool {
			return below(e.name()) || e.typ == anyType && above[e.name()]
		})
	})
}

// FlushName is like Flush, but removes neither the names below nor NXDOMAINs of names above
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
