package mta

import "slices"

// Severity is how bad a finding is.
type Severity string

// OK is as it should be; a Warning may cost mail or trust one day; with an
// Error mail does not reach Postvet, or passes it unchecked.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Finding is one thing that was found about a set-up.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	// Fix is what to do, "" where nothing is to be done.
	Fix string `json:"fix,omitempty"`
}

// Findings are findings in the order found, each once.
type Findings []Finding

func (l *Findings) ok(text string)         { l.add(Finding{Severity: OK, Text: text}) }
func (l *Findings) warn(text, fix string)  { l.add(Finding{Warning, text, fix}) }
func (l *Findings) error(text, fix string) { l.add(Finding{Error, text, fix}) }

// add leaves out what was found before: several services share a list.
func (l *Findings) add(f Finding) {
	if !slices.Contains(*l, f) {
		*l = append(*l, f)
	}
}

// Worst returns the greatest severity of the list.
func (l Findings) Worst() Severity {
	worst := OK
	for _, f := range l {
		if f.Severity == Error || f.Severity == Warning && worst == OK {
			worst = f.Severity
		}
	}
	return worst
}
