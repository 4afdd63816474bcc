package finding

import (
	"fmt"
	"iter"
)

// Lists are the lists of a report, in the order in which they are printed.
type Lists []*List

// All yields the findings of all lists.
func (l Lists) All() iter.Seq[*Finding] {
	return func(yield func(*Finding) bool) {
		for _, list := range l {
			for i := range *list {
				if !yield(&(*list)[i]) {
					return
				}
			}
		}
	}
}

// Verdict is a report in one word.
type Verdict string

// The verdicts. A failed lookup makes no report Faulty.
const (
	Sound        Verdict = "sound"        // no errors; warnings may be
	Faulty       Verdict = "faulty"       // at least one error
	Undetermined Verdict = "undetermined" // no error was found, but lookups failed
)

// Verdict returns the verdict that the lists lead to.
func (l Lists) Verdict() Verdict {
	verdict := Sound
	for f := range l.All() {
		switch {
		case f.Severity == Error:
			return Faulty
		case f.DNSFailure:
			verdict = Undetermined
		}
	}
	return verdict
}

// Worst returns the first of the worst findings, the zero value if none is a Warning or an
// Error.
func (l Lists) Worst() Finding {
	var worst Finding
	for f := range l.All() {
		if compare(f.Severity, Note) > 0 && compare(f.Severity, worst.Severity) > 0 {
			worst = *f
		}
	}
	return worst
}

// Totals are the numbers of a report, and its verdict.
type Totals struct {
	State Verdict `json:"verdict"`
	// Errors and Warnings count the findings of the whole report.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Lookups is the number of lookups, Failed how many of them failed.
	Lookups int `json:"lookups"`
	Failed  int `json:"failed"`
}

// Failures says how many lookups failed, "" for none.
func (t *Totals) Failures() string {
	if t.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d lookups failed: their records were not checked", t.Failed, t.Lookups)
}

// Count counts the errors and warnings of lists.
func (t *Totals) Count(l Lists) {
	for f := range l.All() {
		switch f.Severity {
		case Error:
			t.Errors++
		case Warning:
			t.Warnings++
		}
	}
}
