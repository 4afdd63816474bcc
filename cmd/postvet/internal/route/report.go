package route

import (
	"net/netip"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/policy/foreign"
)

// Result says whether mail reaches a host.
type Result string

// The results. Unknown means that the DNS did not answer.
const (
	Delivers      Result = "delivers"
	NoMail        Result = "no-mail"       // the domain takes no mail (RFC 7505)
	Undeliverable Result = "undeliverable" // there is no host that mail could go to
	Unknown       Result = "unknown"
)

// Report is the way of mail to one address.
type Report struct {
	// Address is what was given, Domain its domain in lower-case A-labels, Literal the
	// address if that stands in place of a domain.
	Address string `json:"address"`
	Domain  string `json:"domain"`
	Literal string `json:"literal,omitempty"`
	// Summary is the report in two sentences.
	Result  Result `json:"result"`
	Summary string `json:"summary"`
	Steps   []Step `json:"steps"`
	// Attempts are the addresses in the order in which a sender tries them.
	Attempts  []Attempt `json:"attempts"`
	MX        MX        `json:"mx"`
	Transport Transport `json:"transport"`
	// Connected reports that hosts were connected to, and Connections what came of it.
	Connected   bool         `json:"connected"`
	Connections []Connection `json:"connections"`
	Findings    finding.List `json:"findings"` // about the address, and about connections

	// Plan is what to publish, if a plan was asked for.
	Plan *plan.Plan `json:"plan,omitempty"`

	finding.Totals

	recipient recipient
}

// Step is one step of a sending server.
type Step struct {
	Text string `json:"text"`
	// Failure says what the server does if the step fails.
	Failure string `json:"failure"`
}

// Attempt is one address that a sender tries.
type Attempt struct {
	Preference uint16     `json:"preference"`
	Host       string     `json:"host"`
	IP         netip.Addr `json:"ip"`

	base *Host // nil for a literal
}

// Verdict returns the report's verdict. Mail that cannot be delivered makes it faulty too.
func (r *Report) Verdict() finding.Verdict {
	verdict := r.lists().Verdict()
	switch {
	case r.Result == NoMail, r.Result == Undeliverable:
		return finding.Faulty
	case r.Result == Unknown && verdict == finding.Sound:
		return finding.Undetermined
	}
	return verdict
}

// lists returns the lists of findings in the order in which they are printed.
func (r *Report) lists() finding.Lists {
	lists := finding.Lists{&r.Findings, &r.MX.Findings}
	for i := range r.MX.Hosts {
		lists = append(lists, &r.MX.Hosts[i].Findings)
	}
	lists = append(lists, r.Transport.Lists()...)
	for i := range r.Connections {
		lists = append(lists, &r.Connections[i].Findings)
	}
	return lists
}

// finish counts the findings, and makes all texts harmless.
func (r *Report) finish() {
	advice.Finish(r.lists())
	r.Count(r.lists())
	r.State = r.Verdict()
	r.Summary = foreign.Terminal(r.Summary, maxSummary)
	for i := range r.Steps {
		s := &r.Steps[i]
		s.Text, s.Failure = foreign.Terminal(s.Text, maxSummary), foreign.Terminal(s.Failure, maxSummary)
	}
}

// maxSummary bounds the summary and each step.
const maxSummary = 1000
