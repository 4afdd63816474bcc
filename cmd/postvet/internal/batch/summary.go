package batch

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/markdown"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
)

// Summary is what was found about many domains, a row for each.
type Summary struct {
	rows   []row
	counts map[finding.Verdict]int
	finding.Totals
}

// row is a report in a line.
type row struct {
	name    string
	verdict finding.Verdict
	finding.Totals
	worst finding.Finding
}

// Add adds a row for a report.
func (s *Summary) Add(r *inspect.Report) {
	one := row{name: r.Name, verdict: r.Verdict(), Totals: r.Totals, worst: r.Worst()}
	s.rows = append(s.rows, one)
	if s.counts == nil {
		s.counts = map[finding.Verdict]int{}
	}
	s.counts[one.verdict]++
	s.Errors += one.Errors
	s.Warnings += one.Warnings
	s.Lookups += one.Lookups
	s.Failed += one.Failed
}

// Verdict returns the verdict about all domains: that of the worst one.
func (s *Summary) Verdict() finding.Verdict {
	for _, v := range verdicts {
		if s.counts[v] > 0 {
			return v
		}
	}
	return finding.Sound
}

// verdicts are the verdicts, the worst first. Rows are printed in this order.
var verdicts = []finding.Verdict{finding.Faulty, finding.Undetermined, finding.Sound}

// verdictStyle is the colours of verdicts.
var verdictStyle = map[finding.Verdict]layout.Style{
	finding.Faulty: layout.Red, finding.Undetermined: layout.Yellow, finding.Sound: layout.Green,
}

// maxName is the widest name in the column of names; a longer one has a line of its own.
const maxName = 32

// Print writes the rows for a person, the worst domains first: the finding stands below
// its row where the screen has columns, and at its end where a program reads. The error is
// that of w.
func (s *Summary) Print(w io.Writer, screen layout.Screen) error {
	p := page.New(w, screen)
	width := len("domain")
	for i := range s.rows {
		width = max(width, min(len(s.rows[i].name), maxName))
	}
	p.Line("%s", p.Paint(layout.Bold, fmt.Sprintf("%-*s  %-12s  %6s  %8s  %s", width, "domain", "state", "errors", "warnings", "worst finding")))
	for _, v := range verdicts {
		for i := range s.rows {
			if s.rows[i].verdict == v {
				s.rows[i].print(p, width)
			}
		}
	}
	s.printTotals(p)
	return p.Flush()
}

// Markdown writes the rows for a ticket. The error is that of w.
func (s *Summary) Markdown(w io.Writer) error {
	d := markdown.New(w)
	d.Heading(1, "Mail by DNS of "+layout.Count(len(s.rows), "domain"))
	d.Paragraph(s.counted())
	var rows [][]string
	for _, v := range verdicts {
		for _, r := range s.rows {
			if r.verdict == v {
				rows = append(rows, []string{r.name, string(v), strconv.Itoa(r.Errors), strconv.Itoa(r.Warnings), r.worst.Text})
			}
		}
	}
	d.Table([]string{"domain", "state", "errors", "warnings", "worst finding"}, rows)
	d.Paragraph(s.Failures())
	return d.Flush()
}

func (r *row) print(p *page.Page, width int) {
	name := r.name + page.Spaces(width-utf8.RuneCountInString(r.name))
	if len(r.name) > width && p.Width > 0 {
		p.Line("%s", p.Wrap(r.name, 0, 2))
		name = page.Spaces(width)
	}
	state := p.Paint(verdictStyle[r.verdict], string(r.verdict)) + page.Spaces(12-len(r.verdict))
	line := fmt.Sprintf("%s  %s  %6d  %8d", name, state, r.Errors, r.Warnings)
	text := r.worst.Text
	if text == "" || p.Width > 0 {
		p.Line("%s", line)
	} else {
		p.Line("%s  %s", line, text)
		return
	}
	if text != "" {
		p.Line("    %s", p.Wrap(text, 4, 4))
	}
}

func (s *Summary) printTotals(p *page.Page) {
	p.Line("")
	p.Line("%s: %s", layout.Count(len(s.rows), "domain"), s.counted())
	if text := s.Failures(); text != "" {
		p.Line("%s", p.Paint(layout.Yellow, text))
	}
}

// counted returns how many domains have which verdict.
func (s *Summary) counted() string {
	var parts []string
	for _, v := range verdicts {
		if n := s.counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ") + "; " + layout.Count(s.Lookups, "lookup")
}
