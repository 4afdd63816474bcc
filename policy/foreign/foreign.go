// Package foreign makes text from outside harmless.
package foreign

import "strings"

// Line returns s for a person to read: printable ASCII, at most n octets.
func Line(s string, n int) string {
	clean := func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}
	s = strings.Map(clean, s)
	if len(s) > n {
		s = s[:max(0, n-3)] + "..."
	}
	return s
}
