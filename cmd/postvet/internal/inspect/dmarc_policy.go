package inspect

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/policy/dmarc"
)

// enforced reports whether receivers shall keep failing mail of the domain away.
func (m *DMARC) enforced() bool {
	return m.Policy == dmarc.PolicyQuarantine || m.Policy == dmarc.PolicyReject
}

// checkRecord checks the record that governs.
func (m *DMARC) checkRecord(rec *dmarc.Record, domain string) {
	at := "_dmarc." + m.RecordDomain
	own := m.RecordDomain == domain
	m.Policy, m.Subdomains, m.Nonexistent = rec.InForce(rec.P), rec.InForce(rec.SP), rec.InForce(rec.NP)
	if !own {
		m.Policy = m.Subdomains
		m.Findings.OK("the record of " + m.RecordDomain + " governs, with its policy for subdomains")
	}
	m.at, m.texts = at, []string{rec.Text}
	for _, p := range rec.Problems {
		mends := &m.mending
		if strings.HasPrefix(p, "pct= ") && heldBack(rec.Text) {
			mends = &m.raises
		}
		mends.add(&m.Findings, finding.Warning, p)
	}
	m.checkForm(rec)
	switch rec.Processing {
	case dmarc.ProcessNothing:
		m.add(&m.Findings, finding.Error, "the record has no usable policy and no address for reports: it is as if there were none")
		return
	case dmarc.ProcessAsNone:
		m.add(&m.Findings, finding.Error, "the policy is missing or wrong: the record counts as p=none (RFC 9989 section 4.10.1)")
	case dmarc.ProcessAsPublished:
		m.checkPolicy(rec, own)
	}
	if rec.Testing {
		m.Findings.Warning("t=y: receivers apply the policy one step milder", "once the tests are over, remove t=y")
	}
	if rec.PSD == dmarc.PSDYes && own {
		m.Findings.Warning("psd=y declares a public suffix: every name directly below is another organization", "remove psd=y unless others register names below "+m.RecordDomain)
	}
	if len(rec.RUA) == 0 {
		m.add(&m.Findings, finding.Warning, "no rua=: nobody tells you who sends in your name")
	}
}

// checkForm names what is odd about the form of a record that counts. It is an error
// if receivers do not read from it what its owner states.
func (m *DMARC) checkForm(rec *dmarc.Record) {
	p := repair.DMARC(rec.Text, "")
	severity := finding.Warning
	if meant, err := dmarc.ParseRecord(p.Text); err != nil || meant.P != rec.P || meant.SP != rec.SP || meant.NP != rec.NP {
		severity = finding.Error
	}
	for _, oddity := range p.Oddities {
		m.add(&m.Findings, severity, oddity)
	}
}

func keptAway(p dmarc.Policy) string { return "p=" + string(p) + ": forged mail is kept away" }

// checkPolicy looks for policies that do not protect.
func (m *DMARC) checkPolicy(rec *dmarc.Record, own bool) {
	switch {
	case rec.P == dmarc.PolicyNone && (own || rec.SP == dmarc.PolicyNone):
		m.Findings.Warning("p=none: forged mail is delivered like any other", "when the reports show only mail of others failing: p=quarantine, later p=reject")
	case own && !rec.Testing:
		m.Findings.OK(keptAway(rec.P))
	}
	if strict(rec.SP) < strict(rec.P) {
		m.Findings.Warning(fmt.Sprintf("sp=%s is weaker than p=%s: forgers take a subdomain", rec.SP, rec.P), "unless a subdomain needs it, remove sp="+string(rec.SP))
	}
	if strict(rec.NP) < strict(rec.SP) {
		m.Findings.Warning(fmt.Sprintf("np=%s is weaker than what existing subdomains have (%s): forgers invent a name", rec.NP, rec.SP), "remove np="+string(rec.NP))
	}
}
