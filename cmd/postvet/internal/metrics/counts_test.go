package metrics

import (
	"maps"
	"slices"
	"strings"
)

// count is how often something happened, by the values of its labels. B is "" if
// there is one label.
type count struct {
	A, B string
	N    uint64
}

// list returns what was counted, in the order of the values.
func (c *counts) list() []count {
	cells := *c.cells.Load()
	var list []count
	for _, at := range slices.SortedFunc(maps.Keys(cells), compareCells) {
		if n := cells[at].Load(); n > 0 {
			list = append(list, count{at.a, at.b, n})
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
