package inspect

import (
	"iter"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/policy/foreign"
)

// Existence says whether the name exists.
type Existence string

// Unknown means that lookups failed, Invalid that the text cannot be a domain name.
const (
	Exists    Existence = "yes"
	NotExists Existence = "no"
	Unknown   Existence = "unknown"
	Invalid   Existence = "invalid"
)

// Report is what was found about one domain.
type Report struct {
	// Name is the domain in lower-case A-labels.
	Name     string       `json:"name"`
	Exists   Existence    `json:"exists"`
	Findings finding.List `json:"findings"` // about the name itself

	MX route.MX `json:"mx"`
	// Transport is what protects mail on the way to the hosts.
	Transport route.Transport `json:"transport"`
	SPF       SPF             `json:"spf"`
	DKIM      DKIM            `json:"dkim"`
	DMARC     DMARC           `json:"dmarc"`

	// Errors and Warnings count the findings of the whole report.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Lookups is the number of lookups, Failed how many of them failed.
	Lookups int `json:"lookups"`
	Failed  int `json:"failed"`
}

// Verdict is a report in one word.
type Verdict string

// The verdicts. A report is Faulty for what the DNS holds, never for a failed
// lookup.
const (
	Sound        Verdict = "sound"        // no errors; warnings may be
	Faulty       Verdict = "faulty"       // at least one error
	Undetermined Verdict = "undetermined" // no error was found, but lookups failed
)

// Verdict returns the report's verdict.
func (r *Report) Verdict() Verdict {
	verdict := Sound
	for f := range r.findings() {
		switch {
		case f.Severity == finding.Error:
			return Faulty
		case f.DNSFailure:
			verdict = Undetermined
		}
	}
	return verdict
}

// lists returns the lists of findings in the order in which they are printed.
func (r *Report) lists() []*finding.List {
	lists := []*finding.List{&r.Findings, &r.MX.Findings}
	for i := range r.MX.Hosts {
		lists = append(lists, &r.MX.Hosts[i].Findings)
	}
	lists = append(lists, r.Transport.Lists()...)
	lists = append(lists, &r.SPF.Findings, &r.DKIM.Findings)
	for i := range r.DKIM.Keys {
		lists = append(lists, &r.DKIM.Keys[i].Findings)
	}
	return append(lists, &r.DMARC.Findings)
}

// findings yields all findings of the report in the order in which they are printed.
func (r *Report) findings() iter.Seq[*finding.Finding] {
	return func(yield func(*finding.Finding) bool) {
		for _, list := range r.lists() {
			for i := range *list {
				if !yield(&(*list)[i]) {
					return
				}
			}
		}
	}
}

// finish counts the findings, and makes their texts harmless: they cite the DNS.
func (r *Report) finish() {
	for _, list := range r.lists() {
		list.DropOK()
	}
	for f := range r.findings() {
		f.Text, f.Fix = foreign.Line(f.Text, advice.MaxText), foreign.Line(f.Fix, advice.MaxFix)
		switch f.Severity {
		case finding.Error:
			r.Errors++
		case finding.Warning:
			r.Warnings++
		}
	}
}
