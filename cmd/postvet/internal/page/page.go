// Package page writes reports of inspections for a person: sections, and findings in
// columns with what to do about them.
package page

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/markdown"
)

// Page is a report that is being written. Errors stay in its buffer until Flush.
type Page struct {
	w *bufio.Writer
	layout.Screen

	ticket *markdown.Document // nil for a screen
	lines  []string           // of the next code block of the ticket
}

// New returns a page for a screen.
func New(w io.Writer, s layout.Screen) *Page { return &Page{w: bufio.NewWriter(w), Screen: s} }

// Flush writes what is still in the buffer, and returns the first error of w.
func (p *Page) Flush() error {
	if p.ticket != nil {
		p.endLines()
		return p.ticket.Flush()
	}
	return p.w.Flush()
}

// Line writes one line.
func (p *Page) Line(format string, args ...any) {
	if p.ticket != nil {
		p.lines = append(p.lines, fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

// Title writes what the report is about. A screen shows the summary in its place, if there
// is one, and a ticket both.
func (p *Page) Title(about, summary string) {
	if p.ticket != nil {
		p.ticket.Heading(1, about)
		p.ticket.Paragraph(summary)
		return
	}
	p.Line("%s", p.Paint(layout.Bold, cmp.Or(summary, about)))
}

// Paragraph writes a sentence in a style.
func (p *Page) Paragraph(style layout.Style, text string) {
	if p.ticket != nil {
		p.endLines()
		p.ticket.Paragraph(text)
		return
	}
	p.Line("%s", p.Paint(style, text))
}

// Section begins a section; note stands beside its title.
func (p *Page) Section(title, note string) {
	if p.ticket != nil {
		p.endLines()
		p.ticket.Heading(2, title)
		p.ticket.Paragraph(note)
		return
	}
	p.Line("")
	if note != "" {
		note = "  " + p.Paint(layout.Faint, note)
	}
	p.Line("%s%s", p.Paint(layout.Bold, title), note)
}

// severityStyle is the colours of severities.
var severityStyle = map[finding.Severity]layout.Style{
	finding.OK: layout.Green, finding.Warning: layout.Yellow, finding.Error: layout.Red,
}

// Findings writes findings with their fixes, in columns. A fix that several findings
// have in common follows the last of them.
func (p *Page) Findings(indent string, list finding.List) {
	if p.ticket != nil {
		p.table(list)
		return
	}
	const text = 11 // the column behind the severity
	column := len(indent) + text
	for i, f := range list {
		word := severityWord(&f)
		p.Line("%s  %s%s  %s", indent, p.Paint(severityStyle[f.Severity], word), Spaces(7-len(word)), p.Wrap(f.Text, column, column))
		if f.Fix == "" || slices.ContainsFunc(list[i+1:], func(later finding.Finding) bool { return later.Fix == f.Fix }) {
			continue
		}
		p.Line("%s%s%s%s", indent, Spaces(text), p.Paint(layout.Faint, "-> "), p.WrapFix(f.Fix, column+3))
	}
}

// severityWord returns the severity in a word.
func severityWord(f *finding.Finding) string {
	if f.DNSFailure {
		return "dns"
	}
	return string(f.Severity)
}

// Totals writes the numbers at the end of a report.
func (p *Page) Totals(t *finding.Totals) {
	errors, warnings := layout.Count(t.Errors, "error"), layout.Count(t.Warnings, "warning")
	if p.ticket != nil {
		p.endLines()
		p.ticket.Heading(2, "Result")
		p.ticket.Paragraph(string(t.State) + ": " + errors + ", " + warnings)
		p.failures(t)
		return
	}
	if t.Errors > 0 {
		errors = p.Paint(layout.Red, errors)
	}
	if t.Warnings > 0 {
		warnings = p.Paint(layout.Yellow, warnings)
	}
	p.Line("")
	p.Line("%s, %s", errors, warnings)
	p.failures(t)
}

func (p *Page) failures(t *finding.Totals) {
	if text := t.Failures(); text != "" {
		p.Paragraph(layout.Yellow, text)
	}
}

// Wrap breaks a text that is shown, its longest words too.
func (p *Page) Wrap(text string, column, indent int) string {
	room := p.Width - indent
	if p.Width == 0 || indent > p.Width/2 {
		return text
	}
	var b strings.Builder
	used := max(0, column-indent) // of the first line
	newLine := "\n" + Spaces(indent)
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

// WrapFix breaks a fix. A text of a TXT record that is too long for a line becomes
// several strings in parentheses, as zone files have them (RFC 1035 section 5.1): it
// may be copied. So does the data of a TLSA record.
func (p *Page) WrapFix(fix string, indent int) string {
	room := p.Width - indent
	if m := tlsa.FindStringSubmatchIndex(fix); m != nil && p.Width > 0 && indent <= p.Width/2 && len(fix) > room {
		return p.wrapTLSA(fix[:m[2]], fix[m[2]:m[3]], fix[m[3]:], indent)
	}
	begin, end := strings.Index(fix, " TXT \"")+1, strings.LastIndexByte(fix, '"')+1
	if p.Width == 0 || indent > p.Width/2 || begin == 0 || end <= begin {
		return p.Wrap(fix, indent, indent)
	}
	before, record, after := fix[:begin+len("TXT")], fix[begin+len("TXT "):end], fix[end:]
	newLine := "\n" + Spaces(indent)
	out := p.Wrap(before, indent, indent)
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
		out += newLine + p.Wrap(after, indent, indent)
	}
	return out
}

// tlsa finds the data of a TLSA record.
var tlsa = regexp.MustCompile(` TLSA \d+ \d+ \d+ ([0-9a-f]{2,})`)

// wrapTLSA breaks the data of a TLSA record into lines in parentheses.
func (p *Page) wrapTLSA(before, data, after string, indent int) string {
	newLine := "\n" + Spaces(indent)
	out := p.Wrap(strings.TrimRight(before, " "), indent, indent) + " ("
	for chunk := range slices.Chunk([]byte(data), max(p.Width-indent-4, 2)) {
		out += newLine + "  " + string(chunk)
	}
	out += " )"
	if after = strings.TrimLeft(after, ", "); after != "" {
		out += newLine + p.Wrap(after, indent, indent)
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

// Spaces returns n blanks, none if n is negative.
func Spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }
