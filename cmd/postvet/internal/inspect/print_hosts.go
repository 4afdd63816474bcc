package inspect

import (
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/iprev"
)

// hosts writes the hosts that send.
func (p *printer) hosts(h *Hosts) {
	if len(h.List) == 0 {
		return
	}
	note := ""
	if h.Omitted > 0 {
		note = fmt.Sprintf("the first %d of %d", len(h.List), len(h.List)+h.Omitted)
	}
	p.Section("Hosts that send", note)
	width := 0
	for _, s := range h.List {
		width = max(width, len(s.IP.String()))
	}
	for _, s := range h.List {
		name := "no matching reverse name"
		switch s.Reverse {
		case iprev.Pass:
			name = s.Name
		case iprev.TempError:
			name = "reverse DNS not known"
		}
		origin := string(s.Source)
		if s.Term != "" {
			origin = s.Term
		}
		text := fmt.Sprintf("%s, SPF %s, by %s", name, s.SPF, origin)
		if s.Helo != "" {
			text += ", HELO " + s.Helo
		}
		p.Line("  %-*s  %s", width, s.IP, p.Wrap(text, width+4, width+4))
	}
	p.Findings("", h.Findings)
}

// observed writes what was seen of the domain's mail.
func (p *printer) observed(o *Observed) {
	if o == nil {
		return
	}
	p.Section("Mail that was seen", "")
	for _, s := range o.Sources {
		text := fmt.Sprintf("%s, since %s", s.Source, s.Since.UTC().Format(time.DateOnly))
		if !s.Complete {
			text += ", not all of it"
		}
		p.Line("  %s", text)
	}
	m := &o.Mail
	p.Line("  %s", p.Wrap(fmt.Sprintf("%s passed DMARC: %d by SPF, %d by DKIM, %d of them by both; %d failed; %d signed here",
		layout.Count(m.Genuine, "message"), m.SPF, m.DKIM, m.Both, m.Failed, m.Signed), 2, 2))
}
