package authres

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds on a field that is read.
const (
	maxRead         = 64 << 10 // octets of a field
	maxReadMethods  = 100
	maxReadProps    = 100
	maxCommentDepth = 32
)

// ErrSyntax is wrapped by all errors of Parse.
var ErrSyntax = errors.New("authres: malformed field")

// Parse parses the value of an Authentication-Results field, with its folds, by
// the grammar of RFC 8601 section 2.2. Keywords are returned in lower case,
// without quotes and comments. The id is returned even beside an error if it
// could be read.
//
// Parse accepts four things that the grammar forbids but that large senders
// write: a pvalue that should be quoted ("header.b=ab/c",
// "policy.iprev=2001:db8::1"), underscores in keywords, a semicolon at the end,
// and a property without a type ("action=none"), which it leaves out. It also
// leaves out results of a method version other than 1. Another version of the
// whole field is an error (section 2.5). It reads at most 64 KiB and 100
// results.
func Parse(value string) (id string, methods []Method, err error) {
	if err := checkText(value); err != nil {
		return "", nil, err
	}
	s := &scanner{s: value}
	id, version, err := s.id()
	if err != nil {
		return id, nil, err
	}
	if !supported(version) {
		return id, nil, fmt.Errorf("%w: version %.20s", ErrSyntax, version)
	}
	if methods, err = s.results(); err != nil {
		return id, nil, err
	}
	return id, methods, nil
}

// supported reports whether we read fields of a version (RFC 8601 section 2.2), ""
// if the field has none.
func supported(version string) bool {
	return version == "" || strings.TrimLeft(version, "0") == "1"
}

// checkText checks the conditions under which all readers find the same words:
// quoted strings and comments that end, correct folds, no control characters,
// and UTF-8.
func checkText(value string) error {
	if len(value) > maxRead {
		return fmt.Errorf("%w: over 64 KiB", ErrSyntax)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	quoted, depth := false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\r' || c == '\n':
			if c == '\r' && strings.HasPrefix(value[i:], "\r\n") {
				i++
			} else if c == '\r' {
				return fmt.Errorf("%w: a bare CR", ErrSyntax)
			}
			if i+1 < len(value) && value[i+1] != ' ' && value[i+1] != '\t' {
				return fmt.Errorf("%w: a line end that is no fold", ErrSyntax)
			}
		case !isPrintable(c):
			return fmt.Errorf("%w: a control character", ErrSyntax)
		case c == '\\' && (quoted || depth > 0):
			if i+1 < len(value) && (value[i+1] == '\r' || value[i+1] == '\n') {
				return fmt.Errorf("%w: an escaped line end", ErrSyntax)
			}
			i++
			if i < len(value) && !isPrintable(value[i]) {
				return fmt.Errorf("%w: a control character", ErrSyntax)
			}
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			if depth++; depth > maxCommentDepth {
				return fmt.Errorf("%w: comments nested too deeply", ErrSyntax)
			}
		case c == ')' && !quoted:
			if depth--; depth < 0 {
				return fmt.Errorf("%w: parentheses that do not match", ErrSyntax)
			}
		}
	}
	if quoted || depth > 0 {
		return fmt.Errorf("%w: a quoted string or comment without end", ErrSyntax)
	}
	return nil
}

// scanner reads a field that checkText accepts.
type scanner struct {
	s string
	i int
}

// fail returns an error at the current octet.
func (s *scanner) fail(what string) error {
	return fmt.Errorf("%w: %s at octet %d", ErrSyntax, what, s.i)
}

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

// take reads the byte c and reports whether it was there.
func (s *scanner) take(c byte) bool {
	if s.peek() == c && s.i < len(s.s) {
		s.i++
		return true
	}
	return false
}

// skip reads past comments and folding white space (CFWS) and reports whether
// there was any.
func (s *scanner) skip() bool {
	start, depth := s.i, 0
	for ; s.i < len(s.s); s.i++ {
		switch c := s.s[s.i]; {
		case c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth > 0 && c == '\\':
			s.i++
		case depth > 0:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		default:
			return s.i > start
		}
	}
	return s.i > start
}

// id parses the authserv-id and the version up to the semicolon or the end.
func (s *scanner) id() (id, version string, err error) {
	s.skip()
	id, ok := s.value()
	if !ok || id == "" {
		return "", "", s.fail("no authserv-id")
	}
	if s.skip() {
		if version = s.while(func(c byte) bool { return '0' <= c && c <= '9' }); version != "" {
			s.skip()
		}
	}
	if s.i < len(s.s) && s.peek() != ';' {
		return id, version, s.fail("text after the authserv-id")
	}
	return id, version, nil
}

// results parses the text after the authserv-id.
func (s *scanner) results() ([]Method, error) {
	var methods []Method
	none := false
	for n := 0; ; n++ {
		if s.skip(); s.i == len(s.s) && n > 0 {
			return methods, nil
		}
		if !s.take(';') {
			return nil, s.fail("no semicolon before a result")
		}
		if s.skip(); s.i == len(s.s) && n > 0 {
			return methods, nil // a semicolon at the end
		}
		if n == maxReadMethods {
			return nil, s.fail("more than 100 results")
		}
		m, known, err := s.result()
		if err != nil {
			return nil, err
		}
		if none || n > 0 && m.Result == "" {
			return nil, s.fail(`"none" beside results`)
		}
		if none = m.Result == ""; known && !none {
			methods = append(methods, m)
		}
	}
}

// result parses one result. Result is empty for "none" alone. known is false
// for another version of the method.
func (s *scanner) result() (m Method, known bool, err error) {
	m.Name = strings.ToLower(s.while(isKeywordByte))
	if m.Name == "" {
		return m, false, s.fail("no method")
	}
	s.skip()
	known = true
	if s.take('/') {
		s.skip()
		version := s.while(func(c byte) bool { return '0' <= c && c <= '9' })
		if version == "" {
			return m, false, s.fail("no method version")
		}
		known = strings.TrimLeft(version, "0") == "1"
		s.skip()
	}
	if m.Name == "none" && (s.i == len(s.s) || s.peek() == ';') {
		return m, true, nil
	}
	if !s.take('=') {
		return m, false, s.fail("a method without a result")
	}
	s.skip()
	if m.Result = strings.ToLower(s.while(isKeywordByte)); m.Result == "" {
		return m, false, s.fail("a method without a result")
	}
	return m, known, s.properties(&m)
}

// properties parses the reason and the properties up to the next semicolon.
func (s *scanner) properties(m *Method) error {
	reason := false
	for {
		gap := s.skip()
		if s.i == len(s.s) || s.peek() == ';' {
			return nil
		}
		if !gap {
			return s.fail("no blank between properties")
		}
		if len(m.Properties) == maxReadProps {
			return s.fail("more than 100 properties")
		}
		first := strings.ToLower(s.while(isKeywordByte))
		if first == "" {
			return s.fail("no property")
		}
		s.skip()
		if first == "reason" && s.take('=') {
			s.skip()
			value, ok := s.value()
			if !ok || reason {
				return s.fail("a malformed reason")
			}
			m.Reason, reason = value, true
			continue
		}
		if s.take('=') {
			s.skip()
			if _, ok := s.pvalue(); !ok {
				return s.fail("a malformed value")
			}
			continue
		}
		if !s.take('.') {
			return s.fail("a property without a type")
		}
		s.skip()
		p := Property{Type: first, Name: strings.ToLower(s.while(isKeywordByte))}
		if s.skip(); p.Name == "" || !s.take('=') {
			return s.fail("a malformed property")
		}
		s.skip()
		value, ok := s.pvalue()
		if !ok {
			return s.fail("a malformed value")
		}
		p.Value = value
		m.Properties = append(m.Properties, p)
	}
}

// while reads the bytes for which in returns true.
func (s *scanner) while(in func(byte) bool) string {
	start := s.i
	for s.i < len(s.s) && in(s.s[s.i]) {
		s.i++
	}
	return s.s[start:s.i]
}

// value parses a token or a quoted-string. Tokens of internationalized messages
// hold UTF-8 (RFC 8601 section 5, RFC 6532).
func (s *scanner) value() (string, bool) {
	if s.peek() == '"' {
		return s.quotedString()
	}
	v := s.while(func(c byte) bool { return isTokenByte(c) || c >= utf8.RuneSelf })
	return v, v != ""
}

// pvalue parses a value or an address.
func (s *scanner) pvalue() (string, bool) {
	start := s.i
	if s.peek() == '"' {
		v, ok := s.quotedString()
		if !ok || s.peek() != '@' {
			return v, ok
		}
		// This is a quoted local part. The address is returned as it is
		// spelled.
	}
	v := s.while(func(c byte) bool { return c > ' ' && c != 0x7f && strings.IndexByte(`;"()`, c) < 0 })
	return s.s[start:s.i], v != "" && s.peek() != '"'
}

// quotedString parses a quoted-string. It removes the line ends of folds and
// keeps their white space (RFC 5322 section 3.2.4).
func (s *scanner) quotedString() (string, bool) {
	var b strings.Builder
	for s.i++; s.i < len(s.s); s.i++ {
		switch c := s.s[s.i]; c {
		case '"':
			s.i++
			return b.String(), true
		case '\\':
			if s.i++; s.i < len(s.s) {
				b.WriteByte(s.s[s.i])
			}
		case '\r', '\n':
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
