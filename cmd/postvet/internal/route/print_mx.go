package route

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/policy/iprev"
)

// Print writes the hosts with their findings.
func (m *MX) Print(p *page.Page) {
	p.Section("MX", m.note())
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
		h.print(p, pref, width)
		p.Findings(page.Spaces(7), h.Findings)
	}
	p.Findings("", m.Findings)
}

// print writes one host with its addresses: beside its name or, where the screen is too
// narrow, below.
func (h *Host) print(p *page.Page, pref string, width int) {
	head := fmt.Sprintf("  %s  %-*s", pref, width, h.Name)
	ips, reverse := 0, 0
	for i := range h.Addresses {
		ips = max(ips, len(h.Addresses[i].IP.String()))
		reverse = max(reverse, len(h.Addresses[i].reverse(plain)))
	}
	indent := len(head)
	if len(h.Addresses) == 0 || p.Width > 0 && 9+width+2+ips+2+reverse > p.Width {
		p.Line("%s", strings.TrimRight(p.Wrap(head, 0, 9), " "))
		head, indent = page.Spaces(9), 9
	}
	for i, a := range h.Addresses {
		if i > 0 {
			head = page.Spaces(indent)
		}
		text := fmt.Sprintf("%s  %-*s  %s", head, ips, a.IP, a.reverse(p.Screen))
		if p.Width > 0 && len(head)+2+ips+2+reverse > p.Width {
			text = fmt.Sprintf("%s  %s\n%s    %s", head, a.IP, head, p.Wrap(a.reverse(p.Screen), len(head)+4, len(head)+4))
		}
		p.Line("%s", text)
	}
}

// plain is a screen without colours and bounds.
var plain layout.Screen

// note returns what is printed beside the title: the TTL of the records and their DNSSEC state.
func (m *MX) note() string {
	var parts []string
	if m.TTL > 0 {
		parts = append(parts, "TTL "+duration(m.TTL))
	}
	if m.DNSSEC != lookups.Undetermined {
		parts = append(parts, signed(m.DNSSEC))
	}
	return strings.Join(parts, ", ")
}

// signed returns what DNSSEC says, in words.
func signed(d lookups.DNSSEC) string {
	switch d {
	case lookups.Secure:
		return "signed (DNSSEC)"
	case lookups.Insecure:
		return "not signed"
	case lookups.Bogus:
		return "wrongly signed (DNSSEC)"
	}
	return "DNSSEC not known"
}

// duration returns seconds as a person says them.
func duration(seconds int) string {
	for _, u := range []struct {
		seconds int
		name    string
	}{{86400, "day"}, {3600, "hour"}, {60, "minute"}} {
		if seconds >= u.seconds && seconds%u.seconds == 0 {
			return layout.Count(seconds/u.seconds, u.name)
		}
	}
	return layout.Count(seconds, "second")
}

// reverse returns what the reverse DNS of an address says.
func (a *Address) reverse(p layout.Screen) string {
	switch {
	case a.Reverse == iprev.Pass:
		return p.Paint(layout.Faint, "reverse ") + a.Name
	case a.Reverse == iprev.TempError:
		return p.Paint(layout.Yellow, "reverse not known")
	case a.Unreachable != "":
		return p.Paint(layout.Red, "not a public address")
	}
	return p.Paint(layout.Yellow, "no matching reverse name")
}
