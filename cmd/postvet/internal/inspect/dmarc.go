package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// DMARC is the DMARC record that governs the domain, and the way to it.
type DMARC struct {
	Steps []Step `json:"steps"`
	// OrganizationalDomain is "" if a failed lookup hides it.
	OrganizationalDomain string `json:"organizational_domain"`
	// RecordDomain is where the governing record stands, Record its text; ""
	// if there is none.
	RecordDomain string `json:"record_domain"`
	Record       string `json:"record"`
	// Policy is what the record asks for mail of this domain, Subdomains for mail
	// of existing names below it, Nonexistent for mail of names that do not exist;
	// all with t=y taken into account.
	Policy      dmarc.Policy `json:"policy"`
	Subdomains  dmarc.Policy `json:"subdomains"`
	Nonexistent dmarc.Policy `json:"nonexistent"`
	Findings    finding.List `json:"findings"`

	absent bool // there is no record, and none that was meant to be one
}

// Step is one name of the tree walk.
type Step struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Record  string `json:"record,omitempty"`
	Why     string `json:"why"`
}

func inspectDMARC(ctx context.Context, l *lookups, domain string, o dmarc.Options) DMARC {
	w := dmarc.Discover(ctx, l, domain, o)
	m := DMARC{
		Steps: []Step{}, Findings: finding.List{},
		OrganizationalDomain: w.OrganizationalDomain, RecordDomain: w.RecordDomain,
	}
	broken := false
	for _, s := range w.Steps {
		step := Step{Name: s.Name, Outcome: s.Outcome, Why: foreign.Line(s.Why, maxText)}
		if s.Record != nil {
			step.Record = shownRecord(s.Record.Text)
		}
		m.Steps = append(m.Steps, step)
		// The owner of the domain can repair its own names alone.
		if s.Record == nil && s.Records > 0 && message.Below(domain, strings.TrimPrefix(s.Name, "_dmarc.")) {
			broken = true
			if s.Records > 1 {
				m.Findings.Error(fmt.Sprintf("%d DMARC records at %s: none of them counts (RFC 9989 section 4.10)", s.Records, s.Name), "keep one and remove the others")
			} else {
				m.Findings.Error("the DMARC record at "+s.Name+" does not count: a tag occurs more than once", "name every tag once")
			}
		}
	}
	broken = m.findMisplaced(ctx, l, domain, w.Record != nil && w.RecordDomain == domain) || broken
	switch {
	case w.Trouble != "":
		m.Findings.DNSFailure(w.Trouble)
	case w.Record == nil:
		m.absent = !broken
	}
	if w.Record == nil {
		return m
	}
	m.Record = shownRecord(w.Record.Text)
	m.checkRecord(w.Record, domain)
	m.checkReports(ctx, l, w, o)
	return m
}

// findMisplaced looks for texts that were meant to be the domain's DMARC record, and
// reports whether there is one. They do no harm if there is a record that counts
// (has); mending them would make two records, of which none counts.
func (m *DMARC) findMisplaced(ctx context.Context, l *lookups, domain string, has bool) bool {
	report := func(text, fix string) {
		if has {
			m.Findings.Warning(text, "remove it: the record at _dmarc."+domain+" is the one that counts")
		} else {
			m.Findings.Error(text, fix)
		}
	}
	for _, txt := range l.Lookup(ctx, "_dmarc."+domain, dnscache.TXT).TXT {
		_, err := dmarc.ParseRecord(txt)
		if low := strings.ToLower(txt); errors.Is(err, dmarc.ErrNotRecord) && strings.Contains(low[:min(len(low), 20)], "dmarc") {
			report("the text at _dmarc."+domain+" looks like a DMARC record but is none: "+txt, "begin it with v=DMARC1; in exactly these letters")
			return true
		}
	}
	for _, txt := range l.Lookup(ctx, domain, dnscache.TXT).TXT {
		if _, err := dmarc.ParseRecord(txt); !errors.Is(err, dmarc.ErrNotRecord) {
			report("a DMARC record stands at "+domain+" itself, where nobody looks for it", publishTXT("_dmarc."+domain, txt)+" instead")
			return true
		}
	}
	return false
}
