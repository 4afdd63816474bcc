package inspect

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

func (p *printer) spf(s *SPF) {
	note := ""
	if s.Record != "" {
		note = fmt.Sprintf("%d of %d lookups, %d of %d void", s.Lookups, spfLookupLimit, s.Voids, spfVoidLimit)
		if s.partly {
			note = "at least " + note
		}
	}
	p.Section("SPF", note)
	if s.Record != "" {
		p.Line("  %s", p.Wrap(s.Record, 2, 2))
	}
	p.terms("  ", s.Terms)
	p.senders(&s.Senders)
	p.Findings("", s.Findings)
}

// terms writes the terms of a record as a tree.
func (p *printer) terms(indent string, list []Term) {
	list = shortened(list)
	for i, t := range list {
		branch, below := "├─ ", "│  "
		if i == len(list)-1 {
			branch, below = "└─ ", "   "
		}
		var notes []string
		if t.Lookups > 0 {
			notes = append(notes, layout.Count(t.Lookups, "lookup"))
		}
		if t.Note != "" {
			notes = append(notes, t.Note)
		}
		text := t.Text
		if len(notes) > 0 {
			text += "  (" + strings.Join(notes, "; ") + ")"
		}
		column := utf8.RuneCountInString(plain(indent)) + 3
		lines := strings.Split(p.Wrap(text, column, column), "\n")
		for i, line := range lines {
			if i > 0 {
				branch = below
			}
			line = strings.TrimLeft(line, " ")
			shown, note, _ := strings.Cut(line, "  (")
			if note != "" {
				note = "  " + p.Paint(layout.Faint, "("+note)
			}
			p.Line("%s%s%s%s", indent, p.Paint(layout.Faint, branch), shown, note)
		}
		if t.Record != "" {
			p.terms(indent+p.Paint(layout.Faint, below), t.Terms)
		}
	}
}

// plain returns an indent without its colours.
func plain(indent string) string { return colours.ReplaceAllString(indent, "") }

var colours = regexp.MustCompile("\x1b\\[[0-9]*m")

// manyNetworks is how many ip4 and ip6 terms in a row are shown at most.
const manyNetworks = 6

// shortened returns the terms with the end of a long run of networks replaced by
// their number.
func shortened(list []Term) []Term {
	var short []Term
	for i := 0; i < len(list); {
		n := 0
		for i+n < len(list) && isNetwork(list[i+n]) {
			n++
		}
		switch {
		case n == 0:
			short = append(short, list[i])
			n = 1
		case n <= manyNetworks:
			short = append(short, list[i:i+n]...)
		default:
			short = append(short, list[i:i+manyNetworks-1]...)
			short = append(short, Term{Text: fmt.Sprintf("... %d more networks", n-manyNetworks+1)})
		}
		i += n
	}
	return short
}

func isNetwork(t Term) bool {
	text := strings.ToLower(strings.TrimLeft(t.Text, "+-?~"))
	return t.Note == "" && (strings.HasPrefix(text, "ip4:") || strings.HasPrefix(text, "ip6:"))
}
