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
	p.Section("DMARC", note)
	width := 0
	for _, s := range m.Steps {
		width = max(width, len(s.Name))
	}
	for i, s := range m.Steps {
		why := s.Why
		if s.Record == "" && s.Outcome != "found" {
			why += " (" + s.Outcome + ")"
		}
		p.Line("  %d. %-*s  %s", i+1, width, s.Name, p.Wrap(why, width+7, 5))
		if s.Record != "" {
			p.Line("     %s", p.Wrap(s.Record, 5, 5))
		}
	}
	if m.OrganizationalDomain != "" {
		p.Line("  %s %s", p.Paint(layout.Faint, "organizational domain:"), m.OrganizationalDomain)
	}
	if m.Reports != "" {
		p.Line("  %s %s", p.Paint(layout.Faint, "reports that came:"), p.Wrap(m.Reports, len("  reports that came: "), 4))
	}
	p.Findings("", m.Findings)
}
