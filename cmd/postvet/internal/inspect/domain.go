// Package inspect inspects what a domain publishes for mail, and says what is
// wrong with it and what to publish instead: the face of mail DNS for a person.
//
// [Inspect] asks the DNS; the [Report] is a plain value that prints itself or
// becomes JSON. Nothing in it can disturb a terminal: all text from the DNS is
// reduced to printable ASCII and cut.
package inspect

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Resolver is what an inspection needs of the DNS.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Options inform an inspection. The zero value works.
type Options struct {
	// Selectors are the DKIM selectors to look at beside the well-known ones;
	// at most 50 count.
	Selectors []string
	// DMARC says how Organizational Domains are found.
	DMARC dmarc.Options
}

// Existence says whether the name exists.
type Existence string

// Unknown is DNS trouble; Invalid is text that cannot be a domain's name.
const (
	Exists    Existence = "yes"
	NotExists Existence = "no"
	Unknown   Existence = "unknown"
	Invalid   Existence = "invalid"
)

// Report is what was found about one domain.
type Report struct {
	// Name is the domain in lower-case A-labels.
	Name     string    `json:"name"`
	Exists   Existence `json:"exists"`
	Findings Findings  `json:"findings"` // about the name itself

	MX    MX    `json:"mx"`
	SPF   SPF   `json:"spf"`
	DKIM  DKIM  `json:"dkim"`
	DMARC DMARC `json:"dmarc"`

	// Errors and Warnings count the findings of the whole report.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Lookups is how many questions were asked, Failed how many of them ended
	// in DNS trouble.
	Lookups int `json:"lookups"`
	Failed  int `json:"failed"`
}

// Verdict sums a report up for the one who only wants to know whether to worry.
type Verdict string

// The verdicts. DNS trouble never makes a report Faulty; what is Faulty is so
// by what the DNS did say.
const (
	Sound        Verdict = "sound"        // no errors; warnings may be
	Faulty       Verdict = "faulty"       // at least one error
	Undetermined Verdict = "undetermined" // no error seen, but DNS trouble hides some of it
)

// Verdict returns the report's verdict.
func (r *Report) Verdict() Verdict {
	verdict := Sound
	for f := range r.all() {
		switch {
		case f.Severity == Error:
			return Faulty
		case f.DNSTrouble:
			verdict = Undetermined
		}
	}
	return verdict
}

// all yields every finding of the report, in the order printed.
func (r *Report) all() func(yield func(*Finding) bool) {
	return func(yield func(*Finding) bool) {
		lists := []Findings{r.Findings, r.MX.Findings}
		for i := range r.MX.Hosts {
			lists = append(lists, r.MX.Hosts[i].Findings)
		}
		lists = append(lists, r.SPF.Findings, r.DKIM.Findings)
		for i := range r.DKIM.Keys {
			lists = append(lists, r.DKIM.Keys[i].Findings)
		}
		for _, list := range append(lists, r.DMARC.Findings) {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// Inspect looks at all that the domain publishes. It returns at the latest when
// ctx ends, with what is known by then. Its DNS work is bounded whatever the
// domain publishes.
func Inspect(ctx context.Context, resolver Resolver, name string, o Options) *Report {
	r := &Report{
		Name: foreign.Line(name, maxText), Findings: Findings{},
		MX:    MX{Hosts: []Host{}, Findings: Findings{}},
		SPF:   SPF{Terms: []Term{}, Findings: Findings{}},
		DKIM:  DKIM{Keys: []Key{}, Findings: Findings{}},
		DMARC: DMARC{Steps: []Step{}, Findings: Findings{}},
	}
	defer r.count()
	ascii, ok := canonical(name)
	if !ok {
		r.Exists = Invalid
		r.Findings.error("this is not a domain name", "")
		return r
	}
	r.Name = ascii
	d := newDNS(ctx, resolver)
	defer d.close()
	var sections sync.WaitGroup
	sections.Go(func() { r.MX = inspectMX(ctx, d, ascii) })
	sections.Go(func() { r.SPF = inspectSPF(ctx, d, ascii) })
	sections.Go(func() { r.DKIM = inspectDKIM(ctx, d, ascii, o.Selectors) })
	sections.Go(func() { r.DMARC = inspectDMARC(ctx, d, ascii, o.DMARC) })
	sections.Wait()
	var refused bool
	r.Lookups, r.Failed, refused = d.counts()
	r.conclude()
	if refused {
		r.Findings = append(r.Findings, Finding{
			Severity: Warning, DNSTrouble: true,
			Text: fmt.Sprintf("to follow all that it publishes takes more than %d look-ups: what is beyond them was not judged", maxLookups),
		})
	}
	return r
}

// conclude adds what only the sections together tell.
func (r *Report) conclude() {
	nullMX, receives := r.MX.Null, len(r.MX.Hosts) > 0
	switch {
	case r.MX.outcome == dnscache.NXDomain || r.SPF.outcome == dnscache.NXDomain:
		r.Exists = NotExists
		r.Findings.error(r.Name+" does not exist (NXDOMAIN)", "")
		// All that follows from it would only repeat it.
		r.MX.Findings, r.SPF.Findings, r.DKIM.Findings = Findings{}, Findings{}, Findings{}
		if r.DMARC.RecordDomain != r.Name {
			r.DMARC.Policy = r.DMARC.Nonexistent // RFC 9989 section 4.7, np=
		}
		return
	case r.MX.outcome.Known() || r.SPF.outcome.Known():
		r.Exists = Exists
	default:
		r.Exists = Unknown
		r.Findings = append(r.Findings, Finding{
			Severity: Warning, DNSTrouble: true,
			Text: "the DNS does not answer for " + r.Name + ": nothing can be said about it",
		})
	}
	if r.SPF.alias != "" {
		r.Findings.ok(r.Name + " is an alias (CNAME) of " + r.SPF.alias + ", whose MX and SPF records count for it")
	}
	if r.SPF.absent {
		record := "v=spf1 -all"
		if receives && !nullMX {
			record = "v=spf1 mx -all"
		}
		r.SPF.Findings.error("no SPF record: anybody may send in the name of "+r.Name, publishTXT(r.Name, record))
	}
	if nullMX && r.DKIM.none {
		r.DKIM.Findings = Findings{}
		r.DKIM.Findings.ok("no DKIM keys, as befits a domain without mail")
	}
	if d := &r.DMARC; d.absent {
		record := "v=DMARC1; p=none; rua=mailto:dmarc@" + r.Name
		if nullMX {
			record = "v=DMARC1; p=reject"
		}
		d.Findings.error("no DMARC record: receivers are told nothing about forged mail of "+r.Name, publishTXT("_dmarc."+r.Name, record))
	} else if d.enforced() && !nullMX && r.SPF.absent && len(r.DKIM.Keys) == 0 && r.DKIM.none {
		d.Findings.warn("the policy is enforced, but there is neither SPF nor a DKIM key by which mail could pass", "")
	}
}

// count sums the findings up.
func (r *Report) count() {
	for f := range r.all() {
		switch f.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		}
	}
}

// canonical returns a name as the evaluators have it.
func canonical(name string) (string, bool) {
	return message.NormalizeDomain(strings.TrimSpace(name))
}
