package inspect

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

func (p *printer) dmarc(m *DMARC) {
	note := ""
	if m.RecordDomain != "" && m.Policy != "" {
		note = fmt.Sprintf("policy %s, subdomains %s, names that do not exist %s", m.Policy, m.Subdomains, m.Nonexistent)
	}
	p.section("DMARC", note)
	width := 0
	for _, s := range m.Steps {
		width = max(width, len(s.Name))
	}
	for i, s := range m.Steps {
		why := s.Why
		if s.Record == "" && s.Outcome != "found" {
			why += " (" + s.Outcome + ")"
		}
		p.line("  %d. %-*s  %s", i+1, width, s.Name, p.wrap(why, width+7, 5))
		if s.Record != "" {
			p.line("     %s", p.wrap(s.Record, 5, 5))
		}
	}
	if m.OrganizationalDomain != "" {
		p.line("  %s %s", p.Paint(layout.Faint, "organizational domain:"), m.OrganizationalDomain)
	}
	p.findings("", m.Findings)
}
