package page

import (
	"io"
	"slices"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/markdown"
)

// NewTicket returns a page in Markdown, as a ticket takes it: what stands in lines on a
// screen is code, and findings are a table, with what to publish as code below it.
func NewTicket(w io.Writer) *Page { return &Page{ticket: markdown.New(w)} }

// endLines writes the lines since the last other block.
func (p *Page) endLines() {
	p.ticket.Code(p.lines)
	p.lines = nil
}

// table writes findings as a table, and below it what to do about them, numbered.
func (p *Page) table(list finding.List) {
	if len(list) == 0 {
		return
	}
	p.endLines()
	var fixes []string
	var rows [][]string
	for _, f := range list {
		number := ""
		if f.Fix != "" {
			at := slices.Index(fixes, f.Fix)
			if at < 0 {
				at = len(fixes)
				fixes = append(fixes, f.Fix)
			}
			number = strconv.Itoa(at + 1)
		}
		rows = append(rows, []string{severityWord(&f), f.Text, number})
	}
	head := []string{"state", "what was found", "to do"}
	if len(fixes) == 0 {
		head = head[:2]
		for i := range rows {
			rows[i] = rows[i][:2]
		}
	}
	p.ticket.Table(head, rows)
	for i, fix := range fixes {
		fixes[i] = strconv.Itoa(i+1) + ". " + fix
	}
	p.ticket.Code(fixes)
}
