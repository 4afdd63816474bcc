package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxReportHosts bounds the hosts whose consent to receive reports is looked up.
const maxReportHosts = 10

// DMARC is how the domain's DMARC record is found, and the record.
type DMARC struct {
	Steps []Step `json:"steps"`
	// OrganizationalDomain is "" if DNS trouble hides it.
	OrganizationalDomain string `json:"organizational_domain"`
	// RecordDomain is where the governing record stands, Record its text; ""
	// if there is none.
	RecordDomain string `json:"record_domain"`
	Record       string `json:"record"`
	// Policy is what the record asks for mail of this domain, Subdomains for
	// mail of existing names below it, Nonexistent for names that do not
	// exist; after t=y.
	Policy      dmarc.Policy `json:"policy"`
	Subdomains  dmarc.Policy `json:"subdomains"`
	Nonexistent dmarc.Policy `json:"nonexistent"`
	Findings    Findings     `json:"findings"`

	absent bool
}

// Step is one name of the tree walk.
type Step struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Record  string `json:"record,omitempty"`
	Why     string `json:"why"`
}

// enforced reports whether failing mail of the domain is to be kept away.
func (m *DMARC) enforced() bool {
	return m.Policy == dmarc.PolicyQuarantine || m.Policy == dmarc.PolicyReject
}

func inspectDMARC(ctx context.Context, d *dns, domain string, o dmarc.Options) DMARC {
	w := dmarc.Discover(ctx, d, domain, o)
	m := DMARC{
		Steps: []Step{}, Findings: Findings{},
		OrganizationalDomain: w.OrganizationalDomain, RecordDomain: w.RecordDomain,
	}
	broken := false
	for _, s := range w.Steps {
		step := Step{Name: s.Name, Outcome: s.Outcome, Why: foreign.Line(s.Why, maxText)}
		if s.Record != nil {
			step.Record = record(s.Record.Text)
		}
		m.Steps = append(m.Steps, step)
		// Only the domain's own names are its owner's to repair.
		if s.Record == nil && s.Records > 0 && message.Below(domain, strings.TrimPrefix(s.Name, "_dmarc.")) {
			broken = true
			if s.Records > 1 {
				m.Findings.error(fmt.Sprintf("%d DMARC records at %s: none of them counts (RFC 9989 section 4.10)", s.Records, s.Name), "keep one and remove the others")
			} else {
				m.Findings.error("the DMARC record at "+s.Name+" does not count: a tag occurs more than once", "name every tag once")
			}
		}
	}
	broken = m.findStray(ctx, d, domain, w.Record != nil && w.RecordDomain == domain) || broken
	switch {
	case w.Trouble != "":
		m.Findings = append(m.Findings, Finding{Severity: Warning, DNSTrouble: true, Text: foreign.Line(w.Trouble, maxText)})
	case w.Record == nil:
		m.absent = !broken
	}
	if w.Record == nil {
		return m
	}
	m.Record = record(w.Record.Text)
	m.judge(w.Record, domain)
	m.judgeReports(ctx, d, w, o)
	return m
}

// findStray looks for texts that were meant to be the domain's DMARC record. Where
// it has one that counts they do no harm, and to mend them would make two of it,
// of which none counts.
func (m *DMARC) findStray(ctx context.Context, d *dns, domain string, has bool) bool {
	report := func(text, fix string) {
		if has {
			m.Findings.warn(text, "remove it: the record at _dmarc."+domain+" is the one that counts")
		} else {
			m.Findings.error(text, fix)
		}
	}
	for _, txt := range d.Lookup(ctx, "_dmarc."+domain, dnscache.TXT).TXT {
		_, err := dmarc.ParseRecord(txt)
		if low := strings.ToLower(txt); errors.Is(err, dmarc.ErrNotRecord) && strings.Contains(low[:min(len(low), 20)], "dmarc") {
			report("the text at _dmarc."+domain+" looks like a DMARC record but is none: "+txt, "begin it with v=DMARC1; in exactly these letters")
			return true
		}
	}
	for _, txt := range d.Lookup(ctx, domain, dnscache.TXT).TXT {
		if _, err := dmarc.ParseRecord(txt); !errors.Is(err, dmarc.ErrNotRecord) {
			report("a DMARC record stands at "+domain+" itself, where nobody looks for it", publishTXT("_dmarc."+domain, txt)+" instead")
			return true
		}
	}
	return false
}

// judge finds what is wrong with the record that governs.
func (m *DMARC) judge(rec *dmarc.Record, domain string) {
	at := "_dmarc." + m.RecordDomain
	own := m.RecordDomain == domain
	m.Policy, m.Subdomains, m.Nonexistent = rec.InForce(rec.P), rec.InForce(rec.SP), rec.InForce(rec.NP)
	if !own {
		m.Policy = m.Subdomains
		m.Findings.ok("the record of " + m.RecordDomain + " governs, with its policy for subdomains")
	}
	for _, p := range rec.Problems {
		fix := ""
		for _, tag := range [...]string{"pct", "rf", "ri"} {
			if strings.HasPrefix(p, tag+"= ") {
				fix = publishTXT(at, withoutTag(rec.Text, tag))
			}
		}
		m.Findings.warn(p, fix)
	}
	switch rec.Processing {
	case dmarc.ProcessNothing:
		m.Findings.error("the record has no usable policy and no address for reports: it is as if there were none",
			publishTXT(at, "v=DMARC1; p=none; rua=mailto:dmarc@"+m.RecordDomain))
		return
	case dmarc.ProcessAsNone:
		m.Findings.error("the policy is missing or wrong: the record counts as p=none (RFC 9989 section 4.10.1)", publishTXT(at, repaired(rec)))
	case dmarc.ProcessAsPublished:
		m.judgePolicy(rec, at, own)
	}
	if rec.Testing {
		m.Findings.warn("t=y: receivers apply the policy one step milder", publishTXT(at, withoutTag(rec.Text, "t")))
	}
	if rec.PSD == dmarc.PSDYes && own {
		m.Findings.warn("psd=y declares a public suffix: every name directly below is another organization", "remove psd=y unless others register names below "+m.RecordDomain)
	}
	if len(rec.RUA) == 0 {
		m.Findings.warn("no rua=: nobody tells you who sends in your name", publishTXT(at, addTag(rec.Text, "rua=mailto:dmarc@"+m.RecordDomain)))
	}
}

// judgePolicy finds policies that do not protect.
func (m *DMARC) judgePolicy(rec *dmarc.Record, at string, own bool) {
	rank := map[dmarc.Policy]int{dmarc.PolicyNone: 0, dmarc.PolicyQuarantine: 1, dmarc.PolicyReject: 2}
	switch {
	case rec.P == dmarc.PolicyNone && (own || rec.SP == dmarc.PolicyNone):
		m.Findings.warn("p=none: forged mail is delivered like any other", publishTXT(at, withTag(rec.Text, "p", "quarantine"))+", later p=reject")
	case own && !rec.Testing:
		m.Findings.ok("p=" + string(rec.P) + ": forged mail is kept away")
	}
	if rank[rec.SP] < rank[rec.P] {
		m.Findings.warn(fmt.Sprintf("sp=%s is weaker than p=%s: forgers take a subdomain", rec.SP, rec.P), publishTXT(at, withoutTag(rec.Text, "sp")))
	}
	if rank[rec.NP] < rank[rec.SP] {
		m.Findings.warn(fmt.Sprintf("np=%s is weaker than what existing subdomains have (%s): forgers invent a name", rec.NP, rec.SP), publishTXT(at, withoutTag(rec.Text, "np")))
	}
}

// judgeReports checks that those who are to receive reports agreed to it.
func (m *DMARC) judgeReports(ctx context.Context, d *dns, w *dmarc.Walk, o dmarc.Options) {
	var hosts []string
	for _, u := range append(slices.Clone(w.Record.RUA), w.Record.RUF...) {
		if h := dmarc.URIHost(u); h != "" && !slices.Contains(hosts, h) && len(hosts) < maxReportHosts {
			hosts = append(hosts, h)
		}
	}
	found := make([]dmarc.ReportConsent, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() {
			found[i] = dmarc.CheckReports(ctx, d, m.RecordDomain, m.OrganizationalDomain, h, o)
		})
	}
	all.Wait()
	for i, c := range found {
		switch host := hosts[i]; c.Consent {
		case dmarc.ConsentGiven:
			m.Findings.ok("reports go to " + host + ", which agreed")
		case dmarc.ConsentUnknown:
			m.Findings = append(m.Findings, Finding{
				Severity: Warning, DNSTrouble: true,
				Text: foreign.Line("whether "+host+" takes reports could not be looked up: "+c.Reason, maxText),
			})
		case dmarc.ConsentAbsent:
			m.Findings.error("reports are to go to "+host+", which does not take them: "+c.Reason,
				"have the owner of "+host+" "+publishTXT(m.RecordDomain+"._report._dmarc."+host, "v=DMARC1"))
		}
	}
}

// repaired returns the record with policies that are valid: p=none for what is
// missing or wrong, as receivers read it, and no sp or np that is wrong.
func repaired(rec *dmarc.Record) string {
	text := rec.Text
	for _, tag := range [...]string{"sp", "np"} {
		if v, ok := rec.Published[tag]; ok && !isPolicy(v) {
			text = withoutTag(text, tag)
		}
	}
	v, ok := rec.Published["p"]
	switch {
	case !ok:
		_, rest, _ := strings.Cut(text, ";")
		return "v=DMARC1; p=none; " + strings.Trim(rest, "; \t")
	case !isPolicy(v):
		return withTag(text, "p", "none")
	}
	return text
}

func isPolicy(s string) bool {
	switch dmarc.Policy(strings.ToLower(s)) {
	case dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject:
		return true
	}
	return false
}

func addTag(record, tag string) string {
	return strings.TrimRight(record, "; \t") + "; " + tag
}

// withTag returns a tag list with one tag's value replaced.
func withTag(record, tag, value string) string {
	var parts []string
	for part := range strings.SplitSeq(record, ";") {
		name, _, _ := strings.Cut(part, "=")
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if strings.TrimSpace(name) == tag {
			part = tag + "=" + value
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
