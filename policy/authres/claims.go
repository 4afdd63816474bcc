package authres

import (
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Claims reports whether the field is an Authentication-Results field in the
// name of authservID, or one that cannot be read but holds that name: RFC 8601
// section 5 wants both taken out of a message that comes from outside.
//
// The id is compared after comments, quotes, escapes and folds are taken away,
// with any version, in any case, with or without a dot at the end, as A-labels
// or U-labels. A field is unreadable if its quotes or comments do not end, if
// it holds control characters, or if the id is followed by what may not follow
// it ("mx.example.org/1"). Such a field claims every name that it holds
// anywhere; one that can be read claims only its own.
func Claims(f message.Field, authservID string) bool {
	if f.Name = strings.TrimRight(f.Name, " \t"); !f.Is(FieldName) {
		return false
	}
	value, name := f.Value(), comparableID(writtenID(authservID))
	if claims(value, name) {
		return true
	}
	if !strings.Contains(value, "=?") {
		return false
	}
	// A reader that decodes RFC 2047 before it parses would see another name.
	decoded := message.DecodeWords(value)
	return decoded != value && claims(decoded, name)
}

func claims(value, name string) bool {
	if sound(value) == nil {
		s := scanner{s: value}
		if id, _, err := s.id(); err == nil {
			return comparableID(id) == name
		}
	}
	return holds(value, name)
}

// comparableID is the form in which ids are compared. White space, which only a
// quoted id holds, does not count: readers differ about what a fold leaves of it.
func comparableID(id string) string {
	id = strings.TrimRight(strings.Join(strings.Fields(id), ""), ".")
	if a, ok := message.NormalizeDomain(id); ok {
		return a
	}
	return strings.ToLower(id)
}

// holds looks for the name in what is left of an unreadable value without
// white space, quotes, escapes, control characters and comments. Where comments
// begin and end is unsure, so both with and without what they hold.
func holds(value, name string) bool {
	names := []string{squeeze(name, false), squeeze(message.DecodeALabels(name), false)}
	for _, text := range []string{squeeze(value, false), squeeze(value, true)} {
		for _, n := range names {
			// An id of which nothing is left is held by every value.
			if strings.Contains(text, n) || strings.Contains(onlyASCII(text), n) {
				return true
			}
		}
	}
	return false
}

func squeeze(s string, dropComments bool) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '(':
			depth++
			return -1
		case r == ')':
			depth = max(depth-1, 0)
			return -1
		case r <= ' ' || r == 0x7f || r == '"' || r == '\\' || dropComments && depth > 0:
			return -1
		}
		return r
	}, strings.ToLower(s))
}

func onlyASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return -1
		}
		return r
	}, s)
}
