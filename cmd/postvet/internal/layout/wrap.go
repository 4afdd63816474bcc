package layout

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Lines breaks a text at its blanks into lines of at most width columns, of which
// the first has used fewer. A word that is longer stays whole: it may be meant to
// be copied. Blanks beside one another stay.
func Lines(text string, width, used int) []string {
	var lines []string
	var line strings.Builder
	column := used
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			lines = append(lines, line.String())
			line.Reset()
			column = 0
		default:
			line.WriteByte(' ')
			column++
		}
		line.WriteString(word)
		column += n
	}
	return append(lines, line.String())
}

// Paragraph breaks a text into lines of at most width columns. All white space of
// the text, line ends too, only separates its words.
func Paragraph(text string, width int) []string {
	return Lines(strings.Join(strings.Fields(text), " "), width, 0)
}

// First returns at most n texts of a list, and how many others there are.
func First(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

// Count returns a number with its noun: "1 message", "2 messages", "2 addresses".
func Count[N int | int64](n N, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
