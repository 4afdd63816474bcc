package inspect

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/iprev"
)

func (p *printer) mx(m *MX) {
	p.section("MX", "")
	width := 0
	for _, h := range m.Hosts {
		width = max(width, len(h.Name))
	}
	width = min(width, 40)
	for _, h := range m.Hosts {
		pref := fmt.Sprintf("%5d", h.Preference)
		if m.Implicit {
			pref = spaces(5)
		}
		head := fmt.Sprintf("  %s  %-*s", pref, width, h.Name)
		ips := 0
		for _, a := range h.Addresses {
			ips = max(ips, len(a.IP.String()))
		}
		for i, a := range h.Addresses {
			if i > 0 {
				head = spaces(9 + width)
			}
			p.line("%s  %-*s  %s", head, ips, a.IP, p.reverse(a))
		}
		if len(h.Addresses) == 0 {
			p.line("%s", strings.TrimRight(head, " "))
		}
		p.findings(spaces(7), h.Findings)
	}
	p.findings("", m.Findings)
}

// reverse returns what the reverse DNS of an address says.
func (p *printer) reverse(a Address) string {
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
