package plan

import (
	"fmt"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
)

// Print writes the plan as a section of a page; nothing if there are no steps and no record
// was left out.
func (p *Plan) Print(w *page.Page) {
	if p == nil || len(p.Steps)+p.Omitted == 0 {
		return
	}
	if len(p.Steps) == 0 {
		w.Section("What to publish", "")
		w.Line("  %s", w.Wrap("Nothing by itself: "+layout.Count(p.Omitted, "proposed record")+
			" of the findings above was left out, as an inspection with it does not show that it mends its finding and breaks nothing.", 2, 2))
		return
	}
	w.Section("What to publish, in this order", "")
	for i, s := range p.Steps {
		lead := strconv.Itoa(i+1) + ". "
		w.Line("  %s%s", w.Paint(layout.Bold, lead), w.Wrap(s.When+": "+s.Why, 2+len(lead), 2+len(lead)))
		for j := range s.Records {
			s.Records[j].print(w)
		}
		if s.Then != "" {
			w.Line("     then %s", w.Wrap(s.Then, 10, 10))
		}
	}
	if p.Omitted > 0 {
		w.Line("  %s", w.Wrap("Left out: "+layout.Count(p.Omitted, "proposed record")+" of the findings above that needs more than the DNS.", 2, 2))
	}
	if p.Confirmed {
		w.Line("  %s", w.Paint(layout.Faint, w.Wrap("Inspected again with these records: they mend this, and break nothing.", 2, 2)))
	}
}

// print writes a record as zone files have it, and as panels ask for it.
func (r *Record) print(w *page.Page) {
	const indent = 5
	line := r.BIND
	if r.Remove {
		line = "remove " + line
	}
	w.Line("%s%s", page.Spaces(indent), w.WrapFix(line, indent))
	if r.Remove || isReverse(r.Name) {
		return
	}
	text := fmt.Sprintf("in a panel: host %s, type %s, TTL %d", r.Host, r.Type, r.TTL)
	if r.Priority >= 0 {
		text += fmt.Sprintf(", priority %d", r.Priority)
	}
	w.Line("%s%s", page.Spaces(indent), w.Paint(layout.Faint, w.Wrap(text+", value", indent, indent)))
	w.Line("%s%s", page.Spaces(indent+2), w.Wrap(r.Value, indent+2, indent+2))
}
