// Package finding holds what an inspection of DNS records or of configurations
// found: whether each thing is in order, and what to do where it is not.
package finding

import "slices"

// Severity is how bad a finding is.
type Severity string

// OK is as it should be, and a Note too, but somebody will want to know it. A Warning
// weakens something, or may break one day. With an Error something does not work.
const (
	OK      Severity = "ok"
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// severities are all severities, the worst last.
var severities = []Severity{OK, Note, Warning, Error}

// compare orders severities; the worst is the greatest.
func compare(a, b Severity) int { return slices.Index(severities, a) - slices.Index(severities, b) }

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	// Fix says what to do; "" where nothing is to be done or there is no one
	// answer.
	Fix string `json:"fix,omitempty"`
	// Changes are the records that Fix says to publish or to remove, if it names whole
	// ones.
	Changes []Change `json:"changes,omitempty"`
	// DNSFailure reports that a lookup failed, so that nothing is known. Such a
	// finding is a Warning.
	DNSFailure bool `json:"dns_trouble,omitempty"`
}

// List is findings in the order in which they were made.
type List []Finding

// OK adds a finding of what is in order.
func (l *List) OK(text string) { *l = append(*l, Finding{Severity: OK, Text: text}) }

// Note adds a note; fix may be "".
func (l *List) Note(text, fix string) {
	*l = append(*l, Finding{Severity: Note, Text: text, Fix: fix})
}

// Warning adds a warning; fix may be "".
func (l *List) Warning(text, fix string) {
	*l = append(*l, Finding{Severity: Warning, Text: text, Fix: fix})
}

// Error adds an error; fix may be "".
func (l *List) Error(text, fix string) {
	*l = append(*l, Finding{Severity: Error, Text: text, Fix: fix})
}

// DNSFailure adds a warning of something that could not be looked up.
func (l *List) DNSFailure(text string) {
	*l = append(*l, Finding{Severity: Warning, Text: text, DNSFailure: true})
}

// DropOK removes what is in order from a list with an error: nothing is in order about
// a subject of which something does not work.
func (l *List) DropOK() {
	if l.Worst() == Error {
		*l = slices.DeleteFunc(*l, func(f Finding) bool { return f.Severity == OK })
	}
}

// Once returns the list without repetitions.
func (l List) Once() List {
	var once List
	for _, f := range l {
		if !slices.ContainsFunc(once, f.same) {
			once = append(once, f)
		}
	}
	return once
}

// same reports whether two findings say the same.
func (f Finding) same(o Finding) bool {
	return f.Severity == o.Severity && f.Text == o.Text && f.Fix == o.Fix && f.DNSFailure == o.DNSFailure
}

// Worst returns the greatest severity of the list, OK if it is empty.
func (l List) Worst() Severity {
	worst := OK
	for _, f := range l {
		if compare(f.Severity, worst) > 0 {
			worst = f.Severity
		}
	}
	return worst
}

// WorstFirst sorts the list by severity, the worst first; findings of one severity
// keep their order.
func (l List) WorstFirst() {
	slices.SortStableFunc(l, func(a, b Finding) int { return compare(b.Severity, a.Severity) })
}
