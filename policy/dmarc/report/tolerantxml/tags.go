package tolerantxml

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/foreign"
)

// startTag reads what follows the "<" of a start tag. A "<" that cannot begin a tag, as
// in "<ann@example.org>", is text.
func (s *Scanner) startTag() {
	name := s.nameAhead()
	if !isNameLax(name) {
		s.note(Unescaped, "", `a bare "<"`)
		if s.rooted {
			t := newText(s)
			t.add('<')
			t.emit()
		} else if len(s.outside) < 60 {
			s.outside += "<"
		}
		return
	}
	s.in.follows(name)
	if !isName(name) {
		s.note(InvalidNames, name, "is no valid name")
	}
	line := s.in.line
	attributes, empty, ok := s.attributes(name)
	if !ok {
		return
	}
	if len(s.open) >= MaxDepth {
		s.err = ErrTooDeep
		return
	}
	e := element{line: line, bindings: len(s.names), length: s.length}
	e.prefix, e.name = splitName(name)
	t := Token{Kind: Start, Name: e.name, Line: line, Attributes: s.bind(attributes)}
	e.space = s.space(e.prefix, name)
	t.Space = e.space
	s.checkOnce(t.Attributes, name)
	s.rooted, s.length = true, 0
	s.open = append(s.open, e)
	s.pending = append(s.pending, t)
	if empty {
		s.closeTo(len(s.open) - 1)
	}
}

// nameAhead returns what stands before white space, "/" or ">"; "" if that is too long.
func (s *Scanner) nameAhead() string {
	if next := s.in.peek(1); len(next) == 0 || next[0] < 'A' {
		return ""
	}
	ahead := s.in.peek(maxName + 1)
	return string(ahead[:max(bytes.IndexAny(ahead, " \t\r\n/>"), 0)])
}

// attributes reads the rest of a start tag. empty reports whether it ends in "/>".
func (s *Scanner) attributes(tag string) (all []Attr, empty, ok bool) {
	for {
		space := s.skipSpace()
		next := s.in.peek(1)
		switch {
		case len(next) == 0:
			s.end()
			return nil, false, false
		case s.in.follows(">"):
			return all, false, true
		case s.in.follows("/>"):
			return all, true, true
		case next[0] == '<':
			s.note(Markup, tag, "its tag has no end")
			return all, false, true
		}
		name := s.attributeName()
		if name == "" {
			s.note(Attribute, tag, "an attribute has no name")
			s.in.next()
			continue
		}
		if !space {
			s.note(Attribute, tag, "no white space stands before an attribute")
		}
		value, good := s.attributeValue()
		if !good || !isName(name) {
			s.note(Attribute, tag, "the attribute %s is not well-formed", foreign.Word(name, 40))
		}
		if len(all) < maxAttributes {
			all = append(all, Attr{Name: name, Value: value})
		} else {
			s.note(Markup, tag, "has more than %d attributes", maxAttributes)
		}
	}
}

func (s *Scanner) skipSpace() bool {
	any := false
	for {
		b := s.in.peek(1)
		if len(b) == 0 || !isSpace(rune(b[0])) {
			return any
		}
		s.in.next()
		any = true
	}
}

func (s *Scanner) attributeName() string {
	var b strings.Builder
	for {
		next := s.in.peek(1)
		if len(next) == 0 || strings.IndexByte(" \t\r\n=/><\"'", next[0]) >= 0 {
			return b.String()
		}
		if c := s.in.next(); b.Len() < maxName {
			b.WriteRune(c)
		}
	}
}

// attributeValue reads "=" and the value. ok is false if that is not as XML has it.
func (s *Scanner) attributeValue() (value string, ok bool) {
	s.skipSpace()
	if !s.in.follows("=") {
		return "", false
	}
	s.skipSpace()
	quote := rune(0)
	if b := s.in.peek(1); len(b) > 0 && (b[0] == '"' || b[0] == '\'') {
		quote = s.in.next()
	}
	t := &content{s: &Scanner{in: s.in}} // its length is its own
	for {
		next := s.in.peek(1)
		if len(next) == 0 || quote == 0 && (isSpace(rune(next[0])) || next[0] == '>') {
			break
		}
		c := s.in.next()
		if c == quote {
			break
		}
		if c == '<' {
			s.note(Unescaped, "", `a bare "<" in an attribute`)
		}
		switch {
		case t.b.Len() >= maxValue:
		case c == '&':
			t.s.reference(t)
		case isSpace(c):
			t.add(' ')
		default:
			t.add(c)
		}
	}
	s.list.Merge(t.s.list)
	return t.b.String(), quote != 0
}

// endTag reads what follows "</". Elements inside that one have no end tags.
func (s *Scanner) endTag() {
	var b strings.Builder
	line := s.in.line
	for {
		next := s.in.peek(1)
		if len(next) > 0 && next[0] == '<' {
			s.note(Markup, b.String(), "an end tag has no end")
			break
		}
		c := s.in.next()
		if c == '>' {
			break
		}
		if c == eof {
			s.note(Markup, b.String(), "an end tag has no end")
			break
		}
		if b.Len() < maxName {
			b.WriteRune(c)
		}
	}
	name := strings.TrimRightFunc(b.String(), isSpace)
	prefix, local := splitName(name)
	at := -1
	for i := len(s.open) - 1; i >= 0 && at < 0; i-- {
		if strings.EqualFold(s.open[i].name, local) {
			at = i
		}
	}
	if at < 0 {
		s.list.Add(Unopened, line, foreign.Line(name, 60), "an end tag has no start tag; it is not read")
		return
	}
	if e := s.open[at]; at < len(s.open)-1 {
		last := s.open[len(s.open)-1]
		s.list.Add(Unclosed, last.line, foreign.Line(last.name, 60), "has no end tag; it ends with %s", foreign.Word(e.name, 60))
	} else if e.name != local || e.prefix != prefix {
		s.list.Add(Unclosed, line, foreign.Line(name, 60), "the end tag is not written as its start tag")
	}
	s.closeTo(at)
}

// closeTo ends the elements that are open down to one.
func (s *Scanner) closeTo(at int) {
	for i := len(s.open) - 1; i >= at; i-- {
		e := s.open[i]
		s.pending = append(s.pending, Token{Kind: End, Name: e.name, Space: e.space, Line: s.in.line})
		s.names = s.names[:e.bindings]
		s.length = e.length
	}
	s.open = s.open[:at]
}

// maxBindings bounds the namespaces that are declared.
const maxBindings = MaxDepth * 8

// bind takes the declarations of namespaces out of attributes, and finds the namespaces of
// the others.
func (s *Scanner) bind(all []Attr) []Attr {
	rest := all[:0]
	for _, a := range all {
		prefix, local := splitName(a.Name)
		switch {
		case a.Name == "xmlns":
			local = ""
		case prefix != "xmlns":
			rest = append(rest, a)
			continue
		case a.Value == "" || local == "xmlns" || local == "xml" && a.Value != namespaceOfXML:
			s.note(Prefix, a.Name, "declares what no prefix may be")
		}
		if len(s.names) < maxBindings {
			s.names = append(s.names, binding{local, a.Value})
		}
	}
	for i, a := range rest {
		prefix, local := splitName(a.Name)
		rest[i].Name = local
		if prefix != "" {
			rest[i].Space = s.space(prefix, a.Name)
		}
	}
	return slices.Clip(rest)
}

// space returns the namespace of a prefix.
func (s *Scanner) space(prefix, name string) string {
	for _, b := range slices.Backward(s.names) {
		if b.prefix == prefix {
			return b.space
		}
	}
	switch prefix {
	case "":
		return ""
	case "xml":
		return namespaceOfXML
	}
	s.note(Prefix, name, "its prefix is not declared by xmlns")
	return ""
}

// checkOnce notes attributes of one name.
func (s *Scanner) checkOnce(all []Attr, tag string) {
	for i, a := range all {
		for _, b := range all[:i] {
			if a.Name == b.Name && a.Space == b.Space {
				s.note(Attribute, tag, "the attribute %s stands there twice", foreign.Word(a.Name, 40))
			}
		}
	}
}

// splitName splits a name at its colon.
func splitName(name string) (prefix, local string) {
	if prefix, local, ok := strings.Cut(name, ":"); ok && prefix != "" && local != "" {
		return prefix, local
	}
	return "", name
}

// isNameLax reports whether a text may be meant as a name.
func isNameLax(s string) bool {
	for i, c := range s {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c) && c != '-' && c != '.' && c != ':') {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// isName reports whether a text is a name of XML with at most one colon. It knows the
// letters that Unicode has, where XML 1.0 section 2.3 lists ranges.
func isName(s string) bool {
	prefix, local, colon := strings.Cut(s, ":")
	return isNameLax(s) && !strings.Contains(local, ":") && (!colon || prefix != "" && local != "" && isNameLax(local))
}
