package inspect

import (
	"net/netip"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
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
	// Hosts are the hosts that send, as far as they are known one by one.
	Hosts Hosts `json:"hosts"`
	DKIM  DKIM  `json:"dkim"`
	DMARC DMARC `json:"dmarc"`
	BIMI  Brand `json:"bimi"`
	// Observed is what was seen of the domain's mail, if anybody looked.
	Observed *Observed `json:"observed,omitempty"`

	// Plan is what to publish, if a plan was asked for.
	Plan *plan.Plan `json:"plan,omitempty"`

	finding.Totals
}

// Verdict returns the report's verdict.
func (r *Report) Verdict() finding.Verdict { return r.lists().Verdict() }

// lists returns the lists of findings in the order in which they are printed.
func (r *Report) lists() finding.Lists {
	lists := finding.Lists{&r.Findings, &r.MX.Findings}
	for i := range r.MX.Hosts {
		lists = append(lists, &r.MX.Hosts[i].Findings)
	}
	lists = append(lists, r.Transport.Lists()...)
	lists = append(lists, &r.SPF.Findings, &r.Hosts.Findings, &r.DKIM.Findings)
	for i := range r.DKIM.Keys {
		lists = append(lists, &r.DKIM.Keys[i].Findings)
	}
	return append(lists, &r.DMARC.Findings, &r.BIMI.Findings)
}

// Worst returns the finding that matters most: the first of the worst ones, the zero value if
// there is nothing but notes.
func (r *Report) Worst() finding.Finding { return r.lists().Worst() }

// All returns the findings of a severity, each once.
func (r *Report) All(s finding.Severity) []finding.Finding {
	var list finding.List
	for f := range r.lists().All() {
		if f.Severity == s {
			list = append(list, *f)
		}
	}
	return list.Once()
}

// finish counts the findings, and makes their texts harmless.
func (r *Report) finish() {
	advice.Finish(r.lists())
	r.Count(r.lists())
	r.State = r.Verdict()
}

// exchangerAddresses returns the addresses of mail exchangers, whose reverse DNS was checked.
func (r *Report) exchangerAddresses() map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, h := range r.MX.Hosts {
		for _, a := range h.Addresses {
			all[a.IP] = true
		}
	}
	return all
}
