package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
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
	errors, warnings := layout.Count(r.Errors, "error"), layout.Count(r.Warnings, "warning")
	if r.Errors > 0 {
		errors = p.Paint(layout.Red, errors)
	}
	if r.Warnings > 0 {
		warnings = p.Paint(layout.Yellow, warnings)
	}
	p.line("%s, %s", errors, warnings)
	if r.Failed > 0 {
		p.line("%s", p.Paint(layout.Yellow, fmt.Sprintf("%d of %d lookups failed: their records were not checked", r.Failed, r.Lookups)))
	}
}

func (p *printer) section(title, note string) {
	p.line("")
	if note != "" {
		note = "  " + p.Paint(layout.Faint, note)
	}
	p.line("%s%s", p.Paint(layout.Bold, title), note)
}

// severityStyle is the colours of severities.
var severityStyle = map[finding.Severity]layout.Style{
	finding.OK: layout.Green, finding.Warning: layout.Yellow, finding.Error: layout.Red,
}

// findings writes findings with their fixes, in columns.
func (p *printer) findings(indent string, list finding.List) {
	for _, f := range list {
		word := string(f.Severity)
		if f.DNSFailure {
			word = "dns"
		}
		p.line("%s  %s%s  %s", indent, p.Paint(severityStyle[f.Severity], word), spaces(7-len(word)), f.Text)
		if f.Fix != "" {
			p.line("%s  %s%s", indent, spaces(9), p.Paint(layout.Faint, "-> ")+f.Fix)
		}
	}
}

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }
