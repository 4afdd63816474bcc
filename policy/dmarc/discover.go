package dmarc

import (
	"cmp"
	"context"
	"strings"
)

// Walk shows the discovery of a domain's record to a person.
type Walk struct {
	Domain string    `json:"domain"`
	Method Discovery `json:"method"`
	// Steps are the names that count, in the order of the walk.
	Steps []Step `json:"steps"`
	// OrganizationalDomain is "" if a DNS failure makes it unknown.
	OrganizationalDomain string `json:"organizational_domain"`
	// Record is the record that applies to mail from authors in Domain, and
	// RecordDomain the name where it stands. Record is nil if there is none.
	Record       *Record `json:"record"`
	RecordDomain string  `json:"record_domain"`
	// Trouble names the DNS failure that makes it unknown which record applies;
	// "" if that is known.
	Trouble string `json:"trouble"`
}

// Step is a name of a walk.
type Step struct {
	// Name is the name that was looked up, with "_dmarc.".
	Name string `json:"name"`
	// Outcome is the outcome of the lookup: "found", "no data", "nxdomain",
	// "servfail", "refused" or "timeout".
	Outcome string `json:"outcome"`
	// Records is the number of TXT records with the version tag.
	Records int `json:"records"`
	// Record is the record that counts; nil if none does.
	Record *Record `json:"record"`
	// Why explains what the step means for the walk.
	Why string `json:"why"`
}

// Discover performs the walk for a domain as [LookupAuthor] does and explains
// each step. It returns at the latest when ctx ends. For an invalid domain name
// it returns a Walk without steps.
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

// fill sets the results of a discovery.
func (w *Walk) fill(d *discovery) {
	w.OrganizationalDomain = d.org
	w.Record, w.RecordDomain = d.record, d.recordDomain
	if !d.decided {
		w.Trouble = d.path.lookupReason()
	}
	for i := range d.path.steps {
		s := d.path.sets[i]
		step := Step{Name: "_dmarc." + d.path.domains[i], Outcome: s.outcome.String(), Records: s.found, Record: s.record}
		step.Why = d.why(i)
		w.Steps = append(w.Steps, step)
	}
}

// why explains the i-th step.
func (d *discovery) why(i int) string {
	s, domain := d.path.sets[i], d.path.domains[i]
	switch {
	case !s.outcome.Known():
		return "DNS failure: the records at this name are unknown, and nothing further can be concluded"
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
