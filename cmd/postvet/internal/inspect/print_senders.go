package inspect

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// maxShownRanges bounds the ranges that a page shows.
const maxShownRanges = 8

// senders writes who may send.
func (p *printer) senders(w *Senders) {
	if !w.Known {
		return
	}
	const column = 12
	line := func(label, text string) {
		p.Line("  %s%s%s", p.Paint(layout.Faint, label), layout.Pad(label, column-2), p.Wrap(text, column, column))
	}
	line("senders", w.summary())
	ranges := append(append([]string{}, w.IPv4...), w.IPv6...)
	if more := len(ranges) + w.Omitted - maxShownRanges; more > 0 {
		ranges = append(ranges[:maxShownRanges], layout.Count(more, "more range"))
	}
	if len(ranges) > 0 {
		line("", strings.Join(ranges, ", "))
	}
	if len(w.Open) > 0 {
		line("", "and those that match "+strings.Join(w.Open, ", "))
	}
	var names []string
	for _, s := range w.Shared {
		names = append(names, fmt.Sprintf("%s (%s)", s.Provider, s.Include))
	}
	if len(names) > 0 {
		line("shared", strings.Join(names, ", "))
	}
}
