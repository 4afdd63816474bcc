package main

import (
	"io"

	ticket "github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/policy/foreign"
)

// Markdown writes the report for a ticket.
func (r setupReport) Markdown(w io.Writer) error {
	p := ticket.NewTicket(w)
	p.Title("The set-up for reports", "")
	for _, s := range r.Sections {
		title := setupNames[s.Name]
		if s.Subject != "" {
			title += " " + foreign.Terminal(s.Subject, 200)
		}
		p.Section(title, "")
		p.Findings("", s.Findings)
	}
	p.Totals(&r.Totals)
	return p.Flush()
}
