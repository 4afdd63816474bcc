package route

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/dnscache"
)

// columns is the width of running text where nobody knows how wide the screen is.
const columns = 80

// Print writes the report for a person, laid out for at least 80 columns. The error is
// that of w.
func (r *Report) Print(w io.Writer, s layout.Screen) error {
	prose := s
	if prose.Width == 0 {
		prose.Width = columns
	}
	return r.print(page.New(w, s), prose)
}

// Markdown writes the report for a ticket. The error is that of w.
func (r *Report) Markdown(w io.Writer) error {
	return r.print(page.NewTicket(w), layout.Screen{Width: columns})
}

// print writes the report on a page; running text is laid out for prose.
func (r *Report) print(p *page.Page, prose layout.Screen) error {
	p.Title(r.Address, prose.Wrap(r.Summary, 0, 0))
	p.Findings("", r.Findings)
	r.printSteps(p, prose)
	if r.Domain != "" {
		if r.MX.Outcome != dnscache.NXDomain {
			r.MX.Print(p)
		}
		if r.MX.Receives() {
			r.Transport.Print(p)
		}
	}
	if r.Connected {
		r.printConnections(p)
	}
	r.Plan.Print(p)
	p.Totals(&r.Totals)
	if !r.Connected && len(r.Attempts) > 0 {
		p.Paragraph(layout.Faint, "The hosts were not connected to; --connect does, without sending mail.")
	}
	return p.Flush()
}

func (r *Report) printSteps(p *page.Page, prose layout.Screen) {
	if len(r.Steps) == 0 {
		return
	}
	p.Section("The steps of a sending server", "")
	for i, s := range r.Steps {
		const indent = 5
		p.Line("  %d. %s", i+1, prose.Wrap(s.Text, indent, indent))
		if s.Failure != "" {
			p.Line("     %s", p.Paint(layout.Faint, prose.Wrap(s.Failure, indent, indent)))
		}
	}
}

// Print writes what protects mail on the way.
func (t *Transport) Print(p *page.Page) {
	p.Section("Encryption on the way", "")
	p.Line("  DANE     %s", t.DANE.State.words())
	for _, h := range t.DANE.Hosts {
		for _, rec := range h.Records {
			p.Line("             %s", p.Wrap(h.Host+"  "+rec.Text, 13, 15))
		}
	}
	p.Line("  MTA-STS  %s", t.MTASTS.words())
	p.Line("  TLS-RPT  %s", t.TLSRPT.words())
	for _, c := range t.CAA {
		if len(c.Issuers) > 0 {
			p.Line("  CAA      %s", p.Wrap(layout.First(c.Issuers, 5)+" may certify "+c.Host, 11, 11))
		}
	}
	for _, list := range t.Lists() {
		p.Findings("", *list)
	}
}

// words returns the state in words.
func (s State) words() string {
	switch s {
	case Absent:
		return "none"
	case Works:
		return "protects"
	case Partly:
		return "protects in part"
	case Broken:
		return "broken"
	}
	return "not known"
}

func (s *MTASTS) words() string {
	switch {
	case s.Policy != nil:
		return fmt.Sprintf("%s; mode %s, for %s, %s", s.State.words(), s.Policy.Mode, duration(s.Policy.MaxAge), layout.Count(len(s.Policy.MX), "name"))
	case s.State == Unchecked && s.ID != "":
		return "not known; a record, but its policy was not fetched"
	}
	return s.State.words()
}

func (s *TLSRPT) words() string {
	if s.State == Works {
		return "reports are asked for"
	}
	return s.State.words()
}

func (r *Report) printConnections(p *page.Page) {
	p.Section("Connections to port 25", "no mail was sent")
	for _, c := range r.Connections {
		p.Line("  %s  %s", c.Host, c.IP)
		if c.Banner != "" {
			p.Line("       %s", p.Paint(layout.Faint, p.Wrap(c.Banner, 7, 7)))
		}
		if c.TLS != "" {
			p.Line("       %s", p.Wrap(c.TLS+"; "+c.certificate(), 7, 7))
		}
		p.Findings(page.Spaces(5), c.Findings)
	}
}

// certificate returns the certificate in words.
func (c *Connection) certificate() string {
	if c.Certificate == nil {
		return "no certificate"
	}
	parts := []string{"certificate for " + layout.First(c.Certificate.Names, 4), "until " + c.Certificate.Until.Format("2006-01-02")}
	if len(c.Certificate.Names) == 0 {
		parts[0] = "certificate " + c.Certificate.Subject
	}
	if c.DANE == Passed {
		parts = append(parts, "fits the TLSA records")
	}
	if c.Valid == Passed {
		parts = append(parts, "valid")
	}
	return strings.Join(parts, ", ")
}
