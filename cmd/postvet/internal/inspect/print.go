package inspect

import (
	"io"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
)

// Print writes the report for a person, laid out for at least 80 columns. The
// error is that of w.
func (r *Report) Print(w io.Writer, s layout.Screen) error {
	p := &printer{page.New(w, s)}
	p.report(r)
	return p.Flush()
}

// Markdown writes the report for a ticket. The error is that of w.
func (r *Report) Markdown(w io.Writer) error {
	p := &printer{page.NewTicket(w)}
	p.report(r)
	return p.Flush()
}

// printer writes the sections of a report.
type printer struct{ *page.Page }

func (p *printer) report(r *Report) {
	p.Title(r.Name, "")
	p.Findings("", r.Findings)
	if r.Exists == Invalid {
		return
	}
	if r.Exists != NotExists {
		r.MX.Print(p.Page)
		if r.MX.Receives() {
			r.Transport.Print(p.Page)
		}
		p.spf(&r.SPF)
		p.observed(r.Observed)
		p.hosts(&r.Hosts)
		p.dkim(&r.DKIM)
	}
	p.dmarc(&r.DMARC)
	if r.Exists != NotExists {
		p.brand(&r.BIMI)
	}
	r.Plan.Print(p.Page)
	p.Totals(&r.Totals)
}
