package inspect

import (
	"fmt"
	"strings"

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
	for _, p := range rec.Problems {
		fix := ""
		for _, tag := range [...]string{"pct", "rf", "ri"} {
			if strings.HasPrefix(p, tag+"= ") {
				fix = publishTXT(at, withoutTag(rec.Text, tag))
			}
		}
		m.Findings.Warning(p, fix)
	}
	switch rec.Processing {
	case dmarc.ProcessNothing:
		m.Findings.Error("the record has no usable policy and no address for reports: it is as if there were none",
			publishTXT(at, "v=DMARC1; p=none; rua=mailto:dmarc@"+m.RecordDomain))
		return
	case dmarc.ProcessAsNone:
		m.Findings.Error("the policy is missing or wrong: the record counts as p=none (RFC 9989 section 4.10.1)", publishTXT(at, repaired(rec)))
	case dmarc.ProcessAsPublished:
		m.checkPolicy(rec, at, own)
	}
	if rec.Testing {
		m.Findings.Warning("t=y: receivers apply the policy one step milder", publishTXT(at, withoutTag(rec.Text, "t")))
	}
	if rec.PSD == dmarc.PSDYes && own {
		m.Findings.Warning("psd=y declares a public suffix: every name directly below is another organization", "remove psd=y unless others register names below "+m.RecordDomain)
	}
	if len(rec.RUA) == 0 {
		m.Findings.Warning("no rua=: nobody tells you who sends in your name", publishTXT(at, addTag(rec.Text, "rua=mailto:dmarc@"+m.RecordDomain)))
	}
}

// checkPolicy looks for policies that do not protect.
func (m *DMARC) checkPolicy(rec *dmarc.Record, at string, own bool) {
	rank := map[dmarc.Policy]int{dmarc.PolicyNone: 0, dmarc.PolicyQuarantine: 1, dmarc.PolicyReject: 2}
	switch {
	case rec.P == dmarc.PolicyNone && (own || rec.SP == dmarc.PolicyNone):
		m.Findings.Warning("p=none: forged mail is delivered like any other", publishTXT(at, withTag(rec.Text, "p", "quarantine"))+", later p=reject")
	case own && !rec.Testing:
		m.Findings.OK("p=" + string(rec.P) + ": forged mail is kept away")
	}
	if rank[rec.SP] < rank[rec.P] {
		m.Findings.Warning(fmt.Sprintf("sp=%s is weaker than p=%s: forgers take a subdomain", rec.SP, rec.P), publishTXT(at, withoutTag(rec.Text, "sp")))
	}
	if rank[rec.NP] < rank[rec.SP] {
		m.Findings.Warning(fmt.Sprintf("np=%s is weaker than what existing subdomains have (%s): forgers invent a name", rec.NP, rec.SP), publishTXT(at, withoutTag(rec.Text, "np")))
	}
}

// repaired returns the record with valid policies: p=none, as receivers read it,
// in place of one that is missing or wrong, and no wrong sp or np.
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
