package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/iprev"
)

// Print writes the report for a person, laid out for at least 80 columns. The
// error is that of w.
func (r *Report) Print(w io.Writer, s layout.Screen) error {
	p := &printer{w: bufio.NewWriter(w), Screen: s}
	p.report(r)
	return p.w.Flush()
}

// printer writes text; errors stay in the buffered writer until Flush.
type printer struct {
	w *bufio.Writer
	layout.Screen
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) report(r *Report) {
	p.line("%s", p.Paint(layout.Bold, r.Name))
	p.findings("", r.Findings)
	if r.Exists == Invalid {
		return
	}
	if r.Exists != NotExists {
		p.mx(&r.MX)
		p.spf(&r.SPF)
		p.dkim(&r.DKIM)
	}
	p.dmarc(&r.DMARC)
	p.line("")
	errors, warnings := plural(r.Errors, "error", "errors"), plural(r.Warnings, "warning", "warnings")
	if r.Errors > 0 {
		errors = p.Paint(layout.Red, errors)
	}
	if r.Warnings > 0 {
		warnings = p.Paint(layout.Yellow, warnings)
	}
	p.line("%s, %s", errors, warnings)
	if r.Failed > 0 {
		p.line("%s", p.Paint(layout.Yellow, fmt.Sprintf("%d of %d look-ups failed: what could not be looked up was not judged", r.Failed, r.Lookups)))
	}
}

func (p *printer) section(title, note string) {
	p.line("")
	if note != "" {
		note = "  " + p.Paint(layout.Faint, note)
	}
	p.line("%s%s", p.Paint(layout.Bold, title), note)
}

// findings writes findings with their fixes, the severities aligned.
func (p *printer) findings(indent string, list Findings) {
	for _, f := range list {
		style := map[Severity]layout.Style{OK: layout.Green, Warning: layout.Yellow, Error: layout.Red}[f.Severity]
		word := string(f.Severity)
		if f.DNSTrouble {
			word = "dns"
		}
		p.line("%s  %s%s  %s", indent, p.Paint(style, word), spaces(7-len(word)), f.Text)
		if f.Fix != "" {
			p.line("%s  %s%s", indent, spaces(9), p.Paint(layout.Faint, "-> ")+f.Fix)
		}
	}
}

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

// reverse writes what the reverse DNS of an address says.
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

func (p *printer) spf(s *SPF) {
	note := ""
	if s.Record != "" {
		note = fmt.Sprintf("%d of %d look-ups, %d of %d void", s.Lookups, spfLookupLimit, s.Voids, spfVoidLimit)
	}
	p.section("SPF", note)
	if s.Record != "" {
		p.line("  %s", s.Record)
	}
	p.terms("  ", s.Terms)
	p.findings("", s.Findings)
}

// terms draws the terms of a record as a tree.
func (p *printer) terms(indent string, list []Term) {
	list = shortened(list)
	for i, t := range list {
		branch, below := "├─ ", "│  "
		if i == len(list)-1 {
			branch, below = "└─ ", "   "
		}
		var notes []string
		if t.Lookups > 0 {
			notes = append(notes, plural(t.Lookups, "look-up", "look-ups"))
		}
		if t.Note != "" {
			notes = append(notes, t.Note)
		}
		note := ""
		if len(notes) > 0 {
			note = "  " + p.Paint(layout.Faint, "("+strings.Join(notes, "; ")+")")
		}
		p.line("%s%s%s%s", indent, p.Paint(layout.Faint, branch), t.Text, note)
		if t.Record != "" {
			p.terms(indent+p.Paint(layout.Faint, below), t.Terms)
		}
	}
}

// manyNetworks is how many ip4 and ip6 terms in a row are shown in full.
const manyNetworks = 6

// shortened replaces the end of a long run of networks by their number.
func shortened(list []Term) []Term {
	var short []Term
	for i := 0; i < len(list); {
		n := 0
		for i+n < len(list) && isNetwork(list[i+n]) {
			n++
		}
		switch {
		case n == 0:
			short = append(short, list[i])
			n = 1
		case n <= manyNetworks:
			short = append(short, list[i:i+n]...)
		default:
			short = append(short, list[i:i+manyNetworks-1]...)
			short = append(short, Term{Text: fmt.Sprintf("... %d more networks", n-manyNetworks+1)})
		}
		i += n
	}
	return short
}

func isNetwork(t Term) bool {
	text := strings.ToLower(strings.TrimLeft(t.Text, "+-?~"))
	return t.Note == "" && (strings.HasPrefix(text, "ip4:") || strings.HasPrefix(text, "ip6:"))
}

func (p *printer) dkim(k *DKIM) {
	p.section("DKIM", fmt.Sprintf("%d selectors asked for, %s found", k.Probed, plural(len(k.Keys), "key", "keys")))
	width := 0
	for _, key := range k.Keys {
		width = max(width, len(key.Selector))
	}
	for _, key := range k.Keys {
		kind := "not a key"
		switch {
		case key.Revoked:
			kind = "revoked"
		case key.Type == "rsa":
			kind = fmt.Sprintf("rsa %d", key.Bits)
		case key.Type != "":
			kind = key.Type
		}
		line := fmt.Sprintf("  %-*s  %s", width, key.Selector, kind)
		if key.Alias != "" {
			line += p.Paint(layout.Faint, "  at "+key.Alias)
		}
		if len(key.Findings) == 1 && key.Findings[0].Severity == OK {
			line += "  " + p.Paint(layout.Green, "ok")
			p.line("%s", line)
			continue
		}
		p.line("%s", line)
		p.findings(spaces(2+width), key.Findings)
	}
	p.findings("", k.Findings)
}

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
		p.line("  %d. %-*s  %s", i+1, width, s.Name, why)
		if s.Record != "" {
			p.line("     %s", s.Record)
		}
	}
	if m.OrganizationalDomain != "" {
		p.line("  %s %s", p.Paint(layout.Faint, "organizational domain:"), m.OrganizationalDomain)
	}
	p.findings("", m.Findings)
}

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }
