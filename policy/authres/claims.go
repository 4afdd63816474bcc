package authres

import (
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Claims reports whether a field must be removed from a message that comes from
// outside (RFC 8601 section 5): an Authentication-Results field with our
// authserv-id, an unreadable one that holds it anywhere, and a field of a
// version that we do not support, whatever its id.
//
// The ids are compared without comments, quotes, escapes, folds and version, in
// any case, with or without a dot at the end, and as A-labels. A field is
// unreadable if its quotes or comments do not end, if it holds control
// characters, or if the id is followed by something that must not follow it
// ("mx.example.org/1"). An unreadable field claims every name in it; a readable
// one claims only its id.
//
// An encoded word (RFC 2047) is no part of a valid id. Readers that decode it
// nevertheless differ about character sets, nested words and long words, so it
// is unknown which id they find. Claims therefore reports true for a field with
// "=?" in its id or before it, and for an unreadable field with "=?" anywhere.
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
	// A reader that decodes RFC 2047 before it parses may find our name in the
	// text after the id.
	decoded := message.DecodeWords(value)
	return decoded != value && claims(decoded, name)
}

// claims reports whether a value must be removed: because it has this id, in
// the form that comparableID returns, because readers may find another id in an
// encoded word, because its version is not supported, or because it is
// unreadable and holds the id.
func claims(value, name string) bool {
	if checkText(value) == nil {
		s := scanner{s: value}
		if id, version, err := s.id(); err == nil {
			return comparableID(id) == name || !supported(version) || strings.Contains(value[:s.i], "=?")
		}
	}
	return holds(value, name)
}

// comparableID returns an id in the form in which ids are compared. White
// space, which only a quoted id can hold, does not count: readers differ about
// what they make of a fold.
func comparableID(id string) string {
	id = strings.TrimRight(strings.Join(strings.Fields(id), ""), ".")
	if a, ok := message.NormalizeDomain(id); ok {
		return a
	}
	return strings.ToLower(id)
}

// holds reports whether an unreadable value holds the name, or the beginning of
// an encoded word that may hide it. It ignores white space, quotes, escapes and
// control characters. It searches with and without the text in comments,
// because it is unsure where comments begin and end.
func holds(value, name string) bool {
	names := []string{squeeze(name, false), squeeze(message.DecodeALabels(name), false), "=?"}
	for _, text := range []string{squeeze(value, false), squeeze(value, true)} {
		for _, n := range names {
			// Every value holds an id of which nothing is left.
			if strings.Contains(text, n) || strings.Contains(onlyASCII(text), n) {
				return true
			}
		}
	}
	return false
}

// squeeze returns s in lower case without the characters that holds ignores.
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

// onlyASCII returns s without the characters beyond ASCII.
func onlyASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return -1
		}
		return r
	}, s)
}
