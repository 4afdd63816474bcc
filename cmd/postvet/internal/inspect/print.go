package inspect

import (
	"fmt"
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

// printer writes the sections of a report.
type printer struct{ *page.Page }

func (p *printer) report(r *Report) {
	p.Line("%s", p.Paint(layout.Bold, r.Name))
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
		p.dkim(&r.DKIM)
	}
	p.dmarc(&r.DMARC)
	p.Line("")
	errors, warnings := layout.Count(r.Errors, "error"), layout.Count(r.Warnings, "warning")
	if r.Errors > 0 {
		errors = p.Paint(layout.Red, errors)
	}
	if r.Warnings > 0 {
		warnings = p.Paint(layout.Yellow, warnings)
	}
	p.Line("%s, %s", errors, warnings)
	if r.Failed > 0 {
		p.Line("%s", p.Paint(layout.Yellow, fmt.Sprintf("%d of %d lookups failed: their records were not checked", r.Failed, r.Lookups)))
	}
}
