package message

import "strings"

// Bounds on lines. maxPiece is far below what SMTP takes (RFC 5321 section 4.5.3.1.6).
const (
	wantedLine = 78 // RFC 5322 section 2.1.1
	maxPiece   = 900
)

// Fold returns the words of a text as the value of a field: each behind a blank, or on a
// new line if it would not fit. column is where the value begins. A word too long for any
// line is cut in pieces.
func Fold(column int, text string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(text) {
		if b.Len() > 0 && column+1+len(word) > wantedLine {
			b.WriteString("\r\n\t")
			column = 1
		} else {
			b.WriteByte(' ')
			column++
		}
		for len(word) > maxPiece {
			b.WriteString(word[:maxPiece] + "\r\n\t")
			word = word[maxPiece:]
			column = 1
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
