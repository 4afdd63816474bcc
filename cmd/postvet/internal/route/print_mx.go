package route

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/policy/iprev"
)

// Print writes the hosts with their findings.
func (m *MX) Print(p *page.Page) {
	p.Section("MX", "")
	width := 0
	for _, h := range m.Hosts {
		width = max(width, len(h.Name))
	}
	width = min(width, 40)
	for _, h := range m.Hosts {
		pref := fmt.Sprintf("%5d", h.Preference)
		if m.Implicit {
			pref = page.Spaces(5)
		}
		head := fmt.Sprintf("  %s  %-*s", pref, width, h.Name)
		ips := 0
		for _, a := range h.Addresses {
			ips = max(ips, len(a.IP.String()))
		}
		for i, a := range h.Addresses {
			if i > 0 {
				head = page.Spaces(9 + width)
			}
			p.Line("%s  %-*s  %s", head, ips, a.IP, a.reverse(p))
		}
		if len(h.Addresses) == 0 {
			p.Line("%s", strings.TrimRight(head, " "))
		}
		p.Findings(page.Spaces(7), h.Findings)
	}
	p.Findings("", m.Findings)
}

// reverse returns what the reverse DNS of an address says.
func (a *Address) reverse(p *page.Page) string {
	switch {
	case a.Reverse == iprev.Pass:
		return p.Paint(layout.Faint, "reverse ") + a.Name
	case a.Reverse == iprev.TempError:
		return p.Paint(layout.Yellow, "reverse not known")
	case isLocal(a.IP):
		return p.Paint(layout.Red, "not a public address")
	}
	return p.Paint(layout.Yellow, "no matching reverse name")
}
