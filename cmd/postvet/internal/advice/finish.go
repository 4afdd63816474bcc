package advice

import (
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/foreign"
)

// Finish ends the lists of a report. It makes all texts harmless, since they cite the DNS, and
// removes what is in order about a subject of which something is not.
func Finish(l finding.Lists) {
	for _, list := range l {
		list.DropOK()
	}
	for f := range l.All() {
		f.Text, f.Fix = foreign.Line(f.Text, MaxText), foreign.Line(f.Fix, MaxFix)
		for i := range f.Changes {
			c := &f.Changes[i]
			c.Name, c.Data = foreign.Line(c.Name, MaxText), foreign.Line(c.Data, MaxFix)
		}
	}
}
