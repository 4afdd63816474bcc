package counts

import (
	"slices"
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
