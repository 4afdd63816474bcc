package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is how output for a person may look.
type screen struct {
	width int // columns; 0 for no bound, as where a program reads
	color bool
}

// maxColumns keeps lines readable on wide terminals, minColumns is what is
// needed to wrap at all.
const (
	maxColumns = 120
	minColumns = 40
)

// colorWhen are the values of --color.
var colorWhen = []string{"auto", "always", "never"}

// screenOf looks at where the output goes, and at what the person wants.
func screenOf(w io.Writer, when string) (screen, error) {
	if !slices.Contains(colorWhen, when) {
		return screen{}, usage("--color: %q is not known; write auto, always or never", when)
	}
	s := screen{color: when == "always"}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s, nil
	}
	// https://no-color.org, where the person did not decide.
	s.color = s.color || when == "auto" && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= minColumns {
		s.width = min(columns, maxColumns)
	}
	return s, nil
}

// The colours of ECMA-48 that every terminal has.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// resultStyle are the colours of results and actions; others have none.
var resultStyle = map[string]string{
	"pass": green, "accept": green,
	"fail": red, "reject": red, "discard": red,
	"softfail": yellow, "policy": yellow, "temperror": yellow, "permerror": yellow, "neutral": yellow,
	"quarantine": yellow, "tempfail": yellow, "redirect": yellow,
}

// paint returns text in a colour.
func (s screen) paint(style, text string) string {
	if !s.color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// wrap breaks a text that begins in a column at blanks, so that it stays within
// the screen; further lines begin in the column indent. A word that is too long
// is not broken: it may be meant to be copied.
func (s screen) wrap(text string, column, indent int) string {
	if s.width == 0 || indent > s.width/2 {
		return text
	}
	var b strings.Builder
	lead := len(text) - len(strings.TrimLeft(text, " "))
	b.WriteString(text[:lead])
	column += lead
	for i, word := range strings.Split(text[lead:], " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > s.width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// pad returns the blanks that bring a text of plain characters to a column, at
// least one.
func pad(text string, column int) string {
	return strings.Repeat(" ", max(1, column-utf8.RuneCountInString(text)))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
