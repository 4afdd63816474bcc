package inspect

import (
	"bufio"
	"fmt"
	"io"
	"slices"
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

// findings writes findings with their fixes, in columns. A fix that several findings
// have in common follows the last of them.
func (p *printer) findings(indent string, list finding.List) {
	const text = 11 // the column behind the severity
	column := len(indent) + text
	for i, f := range list {
		word := string(f.Severity)
		if f.DNSFailure {
			word = "dns"
		}
		p.line("%s  %s%s  %s", indent, p.Paint(severityStyle[f.Severity], word), spaces(7-len(word)), p.wrap(f.Text, column, column))
		if f.Fix == "" || slices.ContainsFunc(list[i+1:], func(later finding.Finding) bool { return later.Fix == f.Fix }) {
			continue
		}
		p.line("%s%s%s%s", indent, spaces(text), p.Paint(layout.Faint, "-> "), p.wrapFix(f.Fix, column+3))
	}
}

// wrap breaks a text that is shown, its longest words too.
func (p *printer) wrap(text string, column, indent int) string {
	room := p.Width - indent
	if p.Width == 0 || indent > p.Width/2 {
		return text
	}
	var b strings.Builder
	used := max(0, column-indent) // of the first line
	newLine := "\n" + spaces(indent)
	for i, line := range layout.Lines(text, room, used) {
		if i > 0 {
			b.WriteString(newLine)
			used = 0
		}
		for len(line) > room-used {
			b.WriteString(line[:room-used] + newLine)
			line, used = line[room-used:], 0
		}
		b.WriteString(line)
	}
	return b.String()
}

// wrapFix breaks a fix. A text of a TXT record that is too long for a line becomes
// several strings in parentheses, as zone files have them (RFC 1035 section 5.1): it
// may be copied.
func (p *printer) wrapFix(fix string, indent int) string {
	room := p.Width - indent
	begin, end := strings.Index(fix, " TXT \"")+1, strings.LastIndexByte(fix, '"')+1
	if p.Width == 0 || indent > p.Width/2 || begin == 0 || end <= begin {
		return p.wrap(fix, indent, indent)
	}
	before, record, after := fix[:begin+len("TXT")], fix[begin+len("TXT "):end], fix[end:]
	newLine := "\n" + spaces(indent)
	out := p.wrap(before, indent, indent)
	if len(record) <= room-2 {
		out += newLine + "  " + record
	} else {
		out += " ("
		for _, s := range stringsOf(record, room-4) {
			out += newLine + "  " + s
		}
		out += " )"
	}
	if after = strings.TrimLeft(after, ", "); after != "" {
		out += newLine + p.wrap(after, indent, indent)
	}
	return out
}

// stringsOf cuts the strings of a TXT record into shorter ones, which mean the same.
func stringsOf(record string, most int) (list []string) {
	content := strings.TrimSuffix(strings.TrimPrefix(record, `"`), `"`)
	content = strings.ReplaceAll(content, `" "`, "")
	for len(content) > 0 {
		n := min(len(content), most-2)
		for n < len(content) && n > 4 && strings.Contains(content[n-4:n], `\`) {
			n-- // no escape is cut
		}
		list = append(list, `"`+content[:n]+`"`)
		content = content[n:]
	}
	return list
}

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }
