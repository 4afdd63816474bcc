package authres

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds on a field that is read.
const (
	maxRead         = 64 << 10 // octets
	maxReadMethods  = 100
	maxReadProps    = 100
	maxCommentDepth = 32
)

// ErrSyntax is wrapped by the errors of Parse.
var ErrSyntax = errors.New("authres: malformed field")

// Parse reads the value of an Authentication-Results field, folds included, by
// the grammar of RFC 8601 section 2.2. Keywords come in lower case; quotes and
// comments are gone. The id is returned as far as it could be read, even beside
// an error.
//
// Four things that the grammar forbids and that large senders write are taken:
// a pvalue that should be quoted ("header.b=ab/c", "policy.iprev=2001:db8::1"),
// underscores in keywords, a semicolon at the end, and a property without a type
// ("action=none"), which is left out. A result of a method
// version other than 1 is left out; another version of the whole field is an
// error (section 2.5). At most 64 KiB and 100 results are read.
func Parse(value string) (id string, methods []Method, err error) {
	if err := sound(value); err != nil {
		return "", nil, err
	}
	s := &scanner{s: value}
	id, version, err := s.id()
	if err != nil {
		return id, nil, err
	}
	if version != "" && strings.TrimLeft(version, "0") != "1" {
		return id, nil, fmt.Errorf("%w: version %.20s", ErrSyntax, version)
	}
	if methods, err = s.results(); err != nil {
		return id, nil, err
	}
	return id, methods, nil
}

// sound checks what any reader must agree on to find the same words: quoted
// strings and comments that end, folds that are folds, no control characters,
// UTF-8.
func sound(value string) error {
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

// scanner reads a sound field.
type scanner struct {
	s string
	i int
}

func (s *scanner) fail(what string) error {
	return fmt.Errorf("%w: %s at octet %d", ErrSyntax, what, s.i)
}

func (s *scanner) peek() byte {
	if s.i < len(s.s) {
		return s.s[s.i]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() == c && s.i < len(s.s) {
		s.i++
		return true
	}
	return false
}

// skip passes over CFWS and reports whether there was any.
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

// id reads the authserv-id and the version up to the semicolon or the end.
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

// results reads what follows the authserv-id.
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

// result reads one result; "none" alone has no Result. known is false for
// another version of the method.
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

// properties reads the reason and the properties up to the next semicolon.
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

// while takes the bytes for which in is true.
func (s *scanner) while(in func(byte) bool) string {
	start := s.i
	for s.i < len(s.s) && in(s.s[s.i]) {
		s.i++
	}
	return s.s[start:s.i]
}

// value reads a token or a quoted-string. Tokens of internationalised messages
// hold UTF-8 (RFC 8601 section 5, RFC 6532).
func (s *scanner) value() (string, bool) {
	if s.peek() == '"' {
		return s.quotedString()
	}
	v := s.while(func(c byte) bool { return isTokenByte(c) || c >= utf8.RuneSelf })
	return v, v != ""
}

// pvalue reads a value or an address.
func (s *scanner) pvalue() (string, bool) {
	start := s.i
	if s.peek() == '"' {
		v, ok := s.quotedString()
		if !ok || s.peek() != '@' {
			return v, ok
		}
		// A quoted local part; the address is given as it is spelt.
	}
	v := s.while(func(c byte) bool { return c > ' ' && c != 0x7f && strings.IndexByte(`;"()`, c) < 0 })
	return s.s[start:s.i], v != "" && s.peek() != '"'
}

// quotedString reads a quoted-string. A fold in it is taken out, its blank
// stays (RFC 5322 section 3.2.4).
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
