// Package layout lays out text for a person: the number of columns, the colours, and
// the line breaks.
package layout

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Screen is where text for a person is shown.
type Screen struct {
	Width int // columns; 0 for no bound, as where a program reads
	Color bool
}

// maxColumns keeps lines readable on wide terminals; a terminal of fewer than
// minColumns has no room to wrap.
const (
	maxColumns = 120
	minColumns = 40
)

// colorWords are the words for when colours are wanted.
var colorWords = []string{"auto", "always", "never"}

// ScreenOf returns the screen behind w. color is "auto", "always" or "never"; ok
// reports whether it is.
func ScreenOf(w io.Writer, color string) (s Screen, ok bool) {
	s.Color = color == "always"
	ok = slices.Contains(colorWords, color)
	if !IsTerminal(w) {
		return s, ok
	}
	// https://no-color.org, where the person did not decide.
	s.Color = s.Color || color == "auto" && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if columns, _ := Size(w); columns >= minColumns {
		s.Width = min(columns, maxColumns)
	}
	return s, ok
}

// IsTerminal reports whether a person sees what is written to w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Size returns the size of the terminal behind w; zeros if w is not a
// terminal or its size is not known.
func Size(w io.Writer) (columns, rows int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}

// Style is a way to show text.
type Style string

// The styles of ECMA-48 that every terminal has.
const (
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Paint returns the text in a style, unchanged if the style is empty.
func (s Screen) Paint(style Style, text string) string {
	if !s.Color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Wrap breaks a text that begins in a column into lines that stay within the
// screen; further lines begin in the column indent.
func (s Screen) Wrap(text string, column, indent int) string {
	if s.Width == 0 || indent > s.Width/2 {
		return text
	}
	words := strings.TrimLeft(text, " ")
	lead := text[:len(text)-len(words)]
	lines := Lines(words, s.Width-indent, column+len(lead)-indent)
	return lead + strings.Join(lines, "\n"+strings.Repeat(" ", indent))
}

// Pad returns the blanks that fill a text up to a column, at least one.
func Pad(text string, column int) string {
	return strings.Repeat(" ", max(1, column-utf8.RuneCountInString(text)))
}
