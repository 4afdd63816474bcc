// Package markdown writes documents for tickets in GitHub Flavored Markdown: headings,
// paragraphs, tables and code blocks. The texts in them may come from anybody: they form
// no links, images, HTML, mentions of people or anything else.
package markdown

import (
	"bufio"
	"io"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// Document is a document that is being written. Errors stay in its buffer until Flush.
type Document struct {
	w     *bufio.Writer
	begun bool
}

// New returns an empty document.
func New(w io.Writer) *Document { return &Document{w: bufio.NewWriter(w)} }

// Flush writes what is still in the buffer, and returns the first error of the writer.
func (d *Document) Flush() error { return d.w.Flush() }

// block begins a block, which an empty line separates from the one before.
func (d *Document) block(lines ...string) {
	if d.begun {
		lines = append([]string{""}, lines...)
	}
	d.begun = true
	for _, l := range lines {
		_, _ = d.w.WriteString(l + "\n") // Flush returns the error
	}
}

// Heading writes a heading; the level of the highest is 1.
func (d *Document) Heading(level int, text string) {
	d.block(strings.Repeat("#", level) + " " + Text(text))
}

// Paragraph writes a paragraph, nothing if the text is empty.
func (d *Document) Paragraph(text string) {
	if text = Text(text); text != "" {
		d.block(text)
	}
}

// Table writes a table.
func (d *Document) Table(head []string, rows [][]string) {
	lines := []string{line(head), "|" + strings.Repeat("---|", len(head))}
	for _, r := range rows {
		lines = append(lines, line(r))
	}
	d.block(lines...)
}

// line returns a line of a table.
func line(cells []string) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range cells {
		b.WriteString(" " + Text(c) + " |")
	}
	return b.String()
}

// Code writes lines that are to be read or copied as they are. Empty lines at the end are
// left out; without any others there is no block.
func (d *Document) Code(lines []string) {
	text := strings.TrimRight(foreign.TerminalLines(strings.Join(lines, "\n")), "\n")
	if text == "" {
		return
	}
	fence := strings.Repeat("`", max(3, longest(text)+1))
	d.block(fence+"text", text, fence)
}

// longest returns the length of the longest run of backticks.
func longest(s string) (n int) {
	for run := 0; s != ""; s = s[1:] {
		if s[0] != '`' {
			run = 0
			continue
		}
		run++
		n = max(n, run)
	}
	return n
}

// word splits a word into what may stand for itself in any dialect of Markdown: marks in
// front, and marks behind, so that code begins and ends with the name or record it shows.
var word = regexp.MustCompile(`^([("']*)(.*?)([)"',;:.]*)$`)

// plain matches words that mean nothing but themselves: no name of a host, no address.
var plain = regexp.MustCompile(`^(?:[A-Za-z]+(?:[-'/][A-Za-z]+)*|[0-9]+%?)$`)

// Text returns a text on one line. Words that could mean something become code, in which
// nothing has a meaning.
func Text(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		w = foreign.Terminal(w, foreign.Whole)
		words[i] = w
		m := word.FindStringSubmatch(w)
		switch {
		case m[2] == "":
			words[i] = code(w)
		case !plain.MatchString(m[2]), i == 0 && m[2][0] <= '9' && m[3] != "": // it may begin a list
			words[i] = m[1] + code(m[2]) + m[3]
		}
	}
	return strings.Join(words, " ")
}

// code returns a text as code. A "|" would end the cell of a table, in code too, so that it
// stands outside (GFM section 4.10).
func code(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "|") {
		if i > 0 {
			b.WriteString("&#124;")
		}
		if part == "" {
			continue
		}
		fence := strings.Repeat("`", longest(part)+1)
		if strings.HasPrefix(part, "`") || strings.HasSuffix(part, "`") {
			part = " " + part + " " // CommonMark section 6.1 strips one blank at both ends
		}
		b.WriteString(fence + part + fence)
	}
	return b.String()
}
