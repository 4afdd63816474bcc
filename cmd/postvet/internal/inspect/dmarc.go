package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
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
	// Reports is what the reports of others say of the domain.
	Reports  string       `json:"reports,omitempty"`
	Findings finding.List `json:"findings"`

	absent  bool             // there is no record, and none that was meant to be one
	texts   []string         // to be replaced by one record
	at      string           // where that belongs
	text    string           // of the record that governs
	remove  []finding.Change // of a text that stands elsewhere
	percent string           // pct= of the record, which RFC 9989 no longer has
	raises  mending          // the findings whose mending would raise the policy
	mending
}

// Step is one name of the tree walk.
type Step struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Record  string `json:"record,omitempty"`
	Why     string `json:"why"`
}

func inspectDMARC(ctx context.Context, l *lookups.Lookups, domain string, o dmarc.Options) DMARC {
	w := dmarc.Discover(ctx, l, domain, o)
	m := DMARC{
		Steps: []Step{}, Findings: finding.List{},
		OrganizationalDomain: w.OrganizationalDomain, RecordDomain: w.RecordDomain,
	}
	broken := false
	for _, s := range w.Steps {
		step := Step{Name: s.Name, Outcome: s.Outcome, Why: foreign.Line(s.Why, advice.MaxText)}
		if s.Record != nil {
			step.Record = advice.ShownRecord(s.Record.Text)
		}
		m.Steps = append(m.Steps, step)
		// The owner of the domain can repair its own names alone.
		if s.Record == nil && s.Records > 0 && message.Below(domain, strings.TrimPrefix(s.Name, "_dmarc.")) {
			broken = true
			m.at, m.texts = s.Name, m.texts[:0]
			for _, txt := range l.Lookup(ctx, s.Name, dnscache.TXT).TXT {
				if _, err := dmarc.ParseRecord(txt); !errors.Is(err, dmarc.ErrNotRecord) {
					m.texts = append(m.texts, txt)
				}
			}
			if s.Records > 1 {
				m.add(&m.Findings, finding.Error, fmt.Sprintf("%d DMARC records at %s: none of them counts (RFC 9989 section 4.10)", s.Records, s.Name))
			} else {
				m.add(&m.Findings, finding.Error, "the DMARC record at "+s.Name+" does not count: a tag occurs more than once")
			}
		}
	}
	broken = m.findMisplaced(ctx, l, domain, w) || broken
	switch {
	case w.Trouble != "":
		m.Findings.DNSFailure(w.Trouble)
	case w.Record == nil:
		m.absent = !broken
	}
	if w.Record == nil {
		return m
	}
	m.Record = advice.ShownRecord(w.Record.Text)
	m.text = w.Record.Text
	m.percent = foreign.Line(percentOf(w.Record.Text), 10)
	m.checkRecord(w.Record, domain)
	m.checkReports(ctx, l, w, o)
	return m
}

// findMisplaced looks for texts that were meant to be the domain's DMARC record, and
// reports whether there is one. They do no harm if there is a record that counts
// already; mending them would make two records, of which none counts.
func (m *DMARC) findMisplaced(ctx context.Context, l *lookups.Lookups, domain string, w *dmarc.Walk) bool {
	has := w.Record != nil && w.RecordDomain == domain
	right := "_dmarc." + domain
	report := func(at, text, record string) bool {
		if has {
			m.Findings.Add(finding.Warning, text, finding.Fix{Text: "remove it: the record at " + right + " is the one that counts", Changes: removal(at, record)})
			return true
		}
		m.add(&m.Findings, finding.Error, text)
		m.at, m.texts = right, append(m.texts, record)
		if at != right {
			m.remove = removal(at, record)
		}
		return true
	}
	found := false
	answer := l.Lookup(ctx, right, dnscache.TXT)
	if target := advice.MissingTarget(answer); target != "" {
		owner := lookups.AliasOwner(ctx, l, right, dnscache.TXT, target)
		fix := advice.RemoveAlias(owner)
		if w.Record == nil && w.Trouble == "" { // else the policy of the domain above would no longer hold
			// A record takes its place, which can be published when the alias is gone.
			fix.Changes = append(fix.Changes, advice.Propose(right, advice.QuotedTXT("v=DMARC1; p=none; rua=mailto:dmarc@"+domain)).Changes...)
		}
		m.Findings.Add(finding.Error, advice.TakeOver(owner, target, "says what receivers do with mail of "+domain), fix)
		return true
	}
	for _, txt := range answer.TXT {
		if _, err := dmarc.ParseRecord(txt); errors.Is(err, dmarc.ErrNotRecord) && repair.MeantAsDMARC(txt) {
			report(right, "the text at "+right+" looks like a DMARC record but is none: "+txt, txt)
			for _, oddity := range repair.DMARC(txt, "").Oddities {
				if !has {
					m.add(&m.Findings, finding.Error, oddity)
				}
			}
			found, has = true, true // what is to stand there counts then
			break
		}
	}
	for _, wrong := range [...]struct{ name, why string }{
		{domain, " itself, where nobody looks for it"},
		{right + "." + domain, ": the form it was entered in adds the domain by itself"},
		{"dmarc." + domain, ", without the underscore of " + right},
	} {
		if name, ok := normalize(wrong.name); !ok || wrong.name != domain && has || name == "" {
			continue
		}
		answer := l.Lookup(ctx, wrong.name, dnscache.TXT)
		for _, txt := range answer.TXT {
			if repair.MeantAsDMARC(txt) {
				return report(cmp.Or(answer.Canonical, wrong.name), "a DMARC record stands at "+wrong.name+wrong.why, txt)
			}
		}
	}
	return found
}

// removal returns the change that takes a TXT record away, none for one that is too long
// to be shown.
func removal(name, text string) []finding.Change {
	if len(text) > advice.MaxProposal {
		return nil
	}
	return advice.Remove(name, advice.QuotedTXT(text)).Changes
}
