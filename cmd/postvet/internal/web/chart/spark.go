package chart

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Spark is a small line without axes, for the cell of a table. Label says what it shows;
// the numbers stand beside it.
type Spark struct {
	Label  string  `json:"label"`
	Values []int64 `json:"values"`
}

var _ Drawing = (*Spark)(nil)

// HTML implements [Drawing].
func (s *Spark) HTML(*time.Location) template.HTML {
	var top int64 = 1
	for _, v := range s.Values {
		top = max(top, v)
	}
	var d strings.Builder
	for i, v := range s.Values {
		// The line keeps away from the edges, which would cut half of it.
		fmt.Fprintf(&d, "L%d %s", i, short(19-part(max(v, 0), top)*18/100))
	}
	line := "M0 19"
	switch len(s.Values) {
	case 0:
	case 1:
		line = "M0 19" + d.String() + "h1"
	default:
		line = "M" + d.String()[1:]
	}
	return execute("spark", struct {
		Label, D string
		Slots    int
	}{s.Label, line, max(1, len(s.Values)-1)})
}
