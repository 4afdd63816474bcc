package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// other is the value of a label for which there is no word.
const other = "other"

// cell is the values of the labels of one series.
type cell struct{ a, b string }

// counts is a counter with one or two labels, whose values are all known
// beforehand. Counting neither locks nor allocates.
type counts struct {
	desc  *prometheus.Desc
	one   bool // there is one label
	cells atomic.Pointer[map[cell]*atomic.Uint64]
}

// newCounts returns a counter with one or two labels.
func newCounts(name, help string, labels ...string) *counts {
	return &counts{desc: prometheus.NewDesc(name, help, labels, nil), one: len(labels) == 1}
}

// know sets which values there are. The keys of rows are those of the first label,
// with their words for the second one. "other" is added to both labels. Counts of
// values that stay are kept, the others are forgotten.
func (c *counts) know(rows map[string][]string) {
	before, now := c.cells.Load(), map[cell]*atomic.Uint64{}
	add := func(at cell) {
		if before != nil && (*before)[at] != nil {
			now[at] = (*before)[at]
			return
		}
		now[at] = new(atomic.Uint64)
	}
	if c.one {
		for a := range rows {
			add(cell{a: a})
		}
		add(cell{a: other})
	} else {
		for a, words := range rows {
			for _, b := range words {
				add(cell{a, b})
			}
			add(cell{a, other})
		}
		add(cell{other, other})
	}
	c.cells.Store(&now)
}

// add counts an event.
func (c *counts) add(a, b string) {
	cells := *c.cells.Load()
	n := cells[cell{a, b}]
	if n == nil && !c.one {
		n = cells[cell{a, other}]
	}
	switch {
	case n != nil:
	case c.one:
		n = cells[cell{a: other}]
	default:
		n = cells[cell{other, other}]
	}
	n.Add(1)
}

// Describe and Collect implement prometheus.Collector.
func (c *counts) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

func (c *counts) Collect(out chan<- prometheus.Metric) {
	for at, n := range *c.cells.Load() {
		values := []string{at.a, at.b}
		if c.one {
			values = values[:1]
		}
		out <- value(c.desc, prometheus.CounterValue, float64(n.Load()), values...)
	}
}
