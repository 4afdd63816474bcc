package oracles

import (
	"strings"
	"unicode/utf8"
)

// exceptions are faults of readers that do not move the author for any mail
// program. Each is a predicate on the field and the reading alone.
var exceptions = []struct {
	name string
	fits func(difference) bool
}{
	// Python's older interface shows U+FFFD for each octet beyond ASCII. No domain
	// has that character, so nobody can own the one that is shown.
	{"U+FFFD in place of UTF-8", func(d difference) bool {
		return len(d.domains) == 1 && strings.ContainsRune(d.domains[0], utf8.RuneError) && utf8.Valid(d.field) && utf8.RuneCount(d.field) < len(d.field)
	}},
}

// excepted returns the name of the exception that fits a difference; "" if none
// does.
func excepted(d difference) string {
	for _, e := range exceptions {
		if e.fits(d) {
			return e.name
		}
	}
	return ""
}
