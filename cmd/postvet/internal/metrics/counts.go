package metrics

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// other is what counts that have no word of their own are counted as.
const other = "other"

// Count is how often something happened, by the values of its labels; B is "" if
// there is one label.
type Count struct {
	A, B string
	N    uint64
}

// cell is the values of the labels.
type cell struct{ a, b string }

// counts is a counter with one or two labels all of whose values are known
// beforehand. Counting neither locks nor allocates.
type counts struct {
	desc  *prometheus.Desc
	one   bool // label
	cells atomic.Pointer[map[cell]*atomic.Uint64]
}

// newCounts makes counts with a label for each name: one or two.
func newCounts(name, help string, labels ...string) *counts {
	return &counts{desc: prometheus.NewDesc(name, help, labels, nil), one: len(labels) == 1}
}

// know sets which values there are: in each of the rows the words, and "other"
// in all places. Counts of values that stay are kept, the others are forgotten.
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

// add counts one.
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

// list is what was counted, in the order of the values.
func (c *counts) list() []Count {
	cells := *c.cells.Load()
	var list []Count
	for _, at := range slices.SortedFunc(maps.Keys(cells), compareCells) {
		if n := cells[at].Load(); n > 0 {
			list = append(list, Count{at.a, at.b, n})
		}
	}
	return list
}

func compareCells(x, y cell) int {
	if n := strings.Compare(x.a, y.a); n != 0 {
		return n
	}
	return strings.Compare(x.b, y.b)
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
