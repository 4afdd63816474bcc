package domainhistory

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	pages "github.com/postvet/postvet/cmd/postvet/internal/page"
)

// Print writes the changes for a person, laid out for at least 80 columns.
func (c *Changes) Print(w io.Writer, s layout.Screen) error { return c.write(pages.New(w, s)) }

// Markdown writes the changes for a ticket.
func (c *Changes) Markdown(w io.Writer) error { return c.write(pages.NewTicket(w)) }

func (c *Changes) write(p *pages.Page) error {
	p.Title(c.Name, "")
	records := layout.Count(len(c.Records), "record")
	if len(c.Records) == 0 {
		records = "no record"
	}
	p.Paragraph("", fmt.Sprintf("%s changed since %s, as far as is known", records, c.minute(c.Since)))
	for _, s := range c.Sources {
		p.Paragraph(layout.Faint, c.knownText(s))
	}
	for _, r := range c.Records {
		p.Section(r.Name+" "+r.Type, c.changeNote(&r))
		printTexts(p, "before", r.Old)
		printTexts(p, "now", r.New)
	}
	if len(c.Errors) > 0 {
		p.Section("Errors", "")
	}
	for _, e := range c.Errors {
		word := "new"
		if e.Gone {
			word = "gone"
		}
		p.Line("  %s  %-4s  %s", c.minute(e.At), word, p.Wrap(e.Text, 26, 26))
		if e.Fix != "" {
			p.Line("%s%s%s", pages.Spaces(26), p.Paint(layout.Faint, "-> "), p.WrapFix(e.Fix, 29))
		}
	}
	return p.Flush()
}

// minute returns a time as a person reads it.
func (c *Changes) minute(t time.Time) string { return t.In(c.Zone).Format("2006-01-02 15:04") }

// knownText says what a source knows, and since when.
func (c *Changes) knownText(s ChangeSource) string {
	if s.Source == "watch" {
		return "watched since " + s.Since.In(c.Zone).Format(time.DateOnly)
	}
	return "in the journal since " + s.Since.In(c.Zone).Format(time.DateOnly) + ": only records of mail without a DMARC pass"
}

// changeNote says when records changed.
func (c *Changes) changeNote(r *RecordChange) string {
	parts := []string{c.minute(r.At)}
	if r.N > 1 {
		parts = append(parts, fmt.Sprintf("changed %d times", r.N))
	}
	if r.Source == "journal" {
		parts = append(parts, "met by mail")
	}
	return strings.Join(parts, ", ")
}

// printTexts writes records under a word, each on lines of its own.
func printTexts(p *pages.Page, word string, texts []string) {
	if len(texts) == 0 {
		texts = []string{"none"}
	}
	for i, t := range texts {
		if i > 0 {
			word = ""
		}
		p.Line("  %-6s  %s", word, p.Wrap(t, 10, 10))
	}
}
