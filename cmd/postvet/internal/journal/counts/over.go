package counts

import (
	"slices"
	"strings"
	"time"
)

// Hour has the counts of an hour.
type Hour struct {
	At time.Time // its beginning
	// All is the number of messages that were counted, and Missing that of those that
	// could not be.
	All, Missing int64

	hour *hour
}

// Each calls f with the names of each kind, in order, until f fails.
func (h *Hour) Each(f func(k Kind, name string, s *Sums) error) error {
	for k := range Kind(Kinds) {
		err := h.hour.names[k].each(func(name string, s *Sums) error { return f(k, name, s) })
		if err != nil {
			return err
		}
	}
	return nil
}

// EachRow calls f with what a table has of the hour, until f fails: the numbers of all messages,
// and those of the names of each kind, in order.
func (h *Hour) EachRow(f func(kind, name string, s *Sums) error) error {
	all := h.Sum()
	if err := f(string(AllMail), AllName, &all); err != nil {
		return err
	}
	return h.Each(func(k Kind, name string, s *Sums) error { return f(k.String(), name, s) })
}

// EachFacts calls f with the facts, in order, until f fails.
func (h *Hour) EachFacts(f func(facts Facts, n int64) error) error {
	return h.hour.facts.each(func(name string, s *Sums) error {
		facts, ok := factsOf(name)
		if !ok {
			return ErrPart
		}
		return f(facts, s[All])
	})
}

// each calls f with each name in order.
func (t *table) each(f func(string, *Sums) error) error {
	order := make([]int32, len(t.all))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(t.all[a].name, t.all[b].name) })
	for _, i := range order {
		s := t.sums(int(i))
		if err := f(t.all[i].name, &s); err != nil {
			return err
		}
	}
	return nil
}

func hourOver(h *hour) Hour {
	return Hour{At: time.Unix(h.at, 0).UTC(), All: h.n, Missing: h.missing, hour: h}
}

// Sum returns the sums of all messages.
func (h *Hour) Sum() (s Sums) {
	t := &h.hour.names[Domain] // each message has one
	for i := range t.all {
		x := t.sums(i)
		s.Add(&x)
	}
	return s
}

// of returns the numbers of a name.
func (h *Hour) of(k Kind, name string) Sums {
	t := &h.hour.names[k]
	if i, ok := t.index[name]; ok {
		return t.sums(int(i))
	}
	return Sums{}
}

// ranked returns the names by a number, the highest first.
func (h *Hour) ranked(k Kind, by Field) (all []Ranked) {
	t := &h.hour.names[k]
	for i := range t.all {
		if n := t.all[i].sums[by]; n > 0 {
			all = append(all, Ranked{t.all[i].name, int64(n)})
		}
	}
	slices.SortFunc(all, compareRanked)
	return all
}

// Hours returns the hours of parts, which are in the order of writing.
func Hours(parts []Part) (all []Hour, err error) {
	former, err := readParts(parts)
	for _, h := range former {
		all = append(all, hourOver(h))
	}
	return all, err
}
