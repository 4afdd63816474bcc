package dmarc

import (
	"cmp"
	"context"
	"strings"
)

// Walk is how the record of a domain was looked for, told for a person.
type Walk struct {
	Domain string    `json:"domain"`
	Method Discovery `json:"method"`
	// Steps are the names that counted, in the order of the walk.
	Steps []Step `json:"steps"`
	// OrganizationalDomain is "" if DNS trouble hides it.
	OrganizationalDomain string `json:"organizational_domain"`
	// Record governs mail whose author is of Domain and stands at RecordDomain;
	// nil if there is none.
	Record       *Record `json:"record"`
	RecordDomain string  `json:"record_domain"`
	// Trouble says what kept the walk from deciding which record governs; ""
	// if it did decide.
	Trouble string `json:"trouble"`
}

// Step is one name of a walk.
type Step struct {
	// Name is what was asked for, with "_dmarc.".
	Name string `json:"name"`
	// Outcome is that of the look-up: "found", "no data", "nxdomain",
	// "servfail", "refused" or "timeout".
	Outcome string `json:"outcome"`
	// Records is how many texts with the version tag stand at the name.
	Records int `json:"records"`
	// Record is the one that counts; nil if none does.
	Record *Record `json:"record"`
	// Why says what the step means for the walk.
	Why string `json:"why"`
}

// Discover walks for a domain as [LookupAuthor] does and tells each step. It returns at
// the latest when ctx ends, and an empty Walk for what is not a domain name.
func Discover(ctx context.Context, r Resolver, domain string, o Options) *Walk {
	w := &Walk{Domain: domain, Method: cmp.Or(o.Discovery, TreeWalk)}
	domain = normalize(domain)
	if domain == "" {
		w.Trouble = "not a domain name"
		return w
	}
	w.Domain = domain
	w.fill(discover(ctx, r, domain, o.Discovery))
	return w
}

// fill fills in what was discovered.
func (w *Walk) fill(d *discovery) {
	w.OrganizationalDomain = d.org
	w.Record, w.RecordDomain = d.record, d.recordDomain
	if !d.decided {
		w.Trouble = d.path.troubleReason()
	}
	for i := range d.path.steps {
		s := d.path.sets[i]
		step := Step{Name: "_dmarc." + d.path.domains[i], Outcome: s.outcome.String(), Records: s.found, Record: s.record}
		step.Why = d.why(i)
		w.Steps = append(w.Steps, step)
	}
}

// why tells a person what the i-th step contributed.
func (d *discovery) why(i int) string {
	s, domain := d.path.sets[i], d.path.domains[i]
	switch {
	case !s.outcome.Known():
		return "DNS trouble: what stands here is unknown, and nothing further can be concluded"
	case s.dropped != nil:
		return "discarded: " + strings.TrimPrefix(s.dropped.Error(), "dmarc: ")
	case s.record == nil:
		return "no DMARC record"
	}
	var notes []string
	switch {
	case d.record == s.record && domain == d.recordDomain:
		notes = append(notes, "governs")
	case d.decided:
		notes = append(notes, "does not govern")
	}
	if domain == d.org {
		notes = append(notes, "organizational domain")
	}
	if d.walked {
		switch s.record.PSD {
		case PSDNo:
			notes = append(notes, "psd=n ends the walk")
		case PSDYes:
			notes = append(notes, "psd=y: a public suffix, ends the walk")
		}
	}
	return strings.Join(notes, "; ")
}
