package counts

import (
	"slices"
	"strings"
	"time"
)

// Write is what is to be kept at a time, all of it or nothing.
type Write struct {
	// Recent are parts of hours that are not over. A whole one takes the place of all
	// others of its hour.
	Recent []Part
	// Over are hours that are over. Their numbers are added to what is kept of them, and
	// their parts are removed.
	Over []Hour

	taken []*hour
}

// Hour is an hour that is over.
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
		var s Sums
		for f, n := range t.all[i].sums {
			s[f] = int64(n)
		}
		if err := f(t.all[i].name, &s); err != nil {
			return err
		}
	}
	return nil
}

// minWhole is the size of parts that is not worth a whole one.
const minWhole = 256 << 10

// Take returns what is to be written at a time. An hour is over when another one has come and
// nothing has been counted in it since the Take before. Done must be called with the result.
func (c *Counter) Take(now time.Time) *Write {
	w := &Write{}
	present := HourOf(now).Unix()
	c.hours = slices.DeleteFunc(c.hours, func(h *hour) bool {
		if h.used || h.at == present {
			return false
		}
		w.taken = append(w.taken, h)
		w.Over = append(w.Over, hourOver(h))
		return true
	})
	for _, h := range c.hours {
		h.used = false
		whole := h.lost || h.written == 0 || h.written > max(minWhole, h.whole)
		if !whole && !h.changed {
			continue
		}
		b := h.appendPart(nil, whole)
		if h.written += len(b); whole {
			h.written, h.whole = 1, len(b)
		}
		h.lost, h.changed = false, false
		w.Recent = append(w.Recent, Part{At: time.Unix(h.at, 0).UTC(), Whole: whole, Octets: b})
	}
	return w
}

func hourOver(h *hour) Hour {
	return Hour{At: time.Unix(h.at, 0).UTC(), All: h.n, Missing: h.missing, hour: h}
}

// Present returns the hours that are not over, as far as they are counted.
func (c *Counter) Present() (all []Hour) {
	for _, h := range c.hours {
		all = append(all, hourOver(h))
	}
	return all
}

// Done says whether what Take returned is kept. What is not comes again.
func (c *Counter) Done(w *Write, kept bool) {
	if kept {
		return
	}
	for _, h := range w.taken {
		c.merge(h)
	}
	for _, h := range c.hours {
		h.lost = true
	}
}
