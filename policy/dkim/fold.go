package dkim

import (
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// foldBefore is the length of a line from which Fold breaks it, in octets. Mail servers
// break lines above 998 wherever they are, Sendmail those above 990, and add nothing of
// their own to lines below.
const foldBefore = 900

// Fold breaks the lines of a field above 900 octets where there is white space, and
// reports whether it broke one. The relaxed form (RFC 6376 section 3.4.2) stays the
// same, so that a signature does not notice. A line without white space stays as it is.
func Fold(f message.Field) (message.Field, bool) {
	if !hasLineAbove(f.Raw, foldBefore) {
		return f, false
	}
	var b strings.Builder
	b.Grow(len(f.Raw) + 16)
	folded := false
	for line := range strings.Lines(f.Raw) {
		for len(line) > foldBefore+len("\r\n") {
			at := breakAt(line)
			if at < 0 {
				break
			}
			b.WriteString(line[:at])
			b.WriteString("\r\n")
			line, folded = line[at:], true
		}
		b.WriteString(line)
	}
	return message.Field{Name: f.Name, Raw: b.String()}, folded
}

// breakAt returns the position of the white space before which a line is broken: the
// last one within the limit, or else the first one behind it; -1 if there is none. Both
// lines then have other characters too, since a line of white space alone would end
// the header for some readers.
func breakAt(line string) int {
	text := strings.TrimRight(line, "\r\n")
	end := len(strings.TrimRight(text, " \t"))
	first := strings.IndexByte(text, ':') + 1
	if text[0] == ' ' || text[0] == '\t' {
		first = 0
	}
	for first < end && (text[first] == ' ' || text[first] == '\t') {
		first++
	}
	candidate := -1
	for i := first; i < end; i++ {
		if text[i] != ' ' && text[i] != '\t' {
			continue
		}
		if i > foldBefore && candidate >= 0 {
			return candidate
		}
		candidate = i
		for i+1 < end && (text[i+1] == ' ' || text[i+1] == '\t') {
			i++
		}
		if candidate > foldBefore {
			return candidate
		}
	}
	return candidate
}
