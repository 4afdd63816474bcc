package tolerantxml

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
)

// Scanner reads the tokens of a document.
type Scanner struct {
	in      *runes
	list    deviation.List
	open    []element
	names   []binding
	pending []Token
	rooted  bool // the root was met
	begun   bool // something other than white space was met
	outside string
	length  int // octets of text in the element that is open
	err     error
}

// element is an element that is open.
type element struct {
	name, prefix, space string
	line                int
	bindings            int // how many bindings there were before it
	length              int // of the text of the element above it
}

// binding is a declaration of a namespace.
type binding struct{ prefix, space string }

// New returns a scanner of a document.
func New(r io.Reader) *Scanner {
	s := &Scanner{}
	s.in = newRunes(r, &s.list)
	return s
}

// Line returns the line that was reached.
func (s *Scanner) Line() int { return s.in.line }

// note notes a deviation in the current line.
func (s *Scanner) note(name, element, format string, args ...any) {
	if !s.list.Again(name) {
		s.list.Add(name, s.in.line, foreign.Line(element, 60), format, args...)
	}
}

// Next returns the next token; io.EOF behind the document, one of the errors of this
// package, or that of the reader. All start tags have their ends, in order.
func (s *Scanner) Next() (Token, error) {
	for len(s.pending) == 0 {
		if s.err != nil {
			return Token{}, s.err
		}
		if s.rooted && len(s.open) == 0 {
			s.epilog()
			continue
		}
		switch c := s.in.next(); c {
		case eof:
			s.end()
		case '<':
			s.markup()
		default:
			s.text(c)
		}
	}
	t := s.pending[0]
	s.pending = s.pending[1:]
	return t, nil
}

// end handles the end of the input inside the document.
func (s *Scanner) end() {
	switch {
	case s.in.err != nil:
		s.err = s.in.err
	case !s.rooted && s.outside != "":
		s.err = fmt.Errorf("%w; it begins with %s", ErrNotXML, foreign.Quote(s.outside, 60))
	case !s.rooted:
		s.err = fmt.Errorf("%w; it has no element", ErrNotXML)
	case len(s.open) > 1:
		s.err = ErrCutOff
	default:
		s.note(Unclosed, s.open[0].name, "has no end tag")
		s.closeTo(0)
		s.err = io.EOF
	}
}

// epilog reads what stands behind the root. Only comments and instructions may.
func (s *Scanner) epilog() {
	for {
		switch c := s.in.next(); {
		case c == eof && s.in.err != nil:
			s.err = s.in.err
			return
		case c == eof:
			s.err = io.EOF
			return
		case isSpace(c):
		case c == '<' && s.in.follows("!--"):
			s.comment()
		case c == '<' && s.in.follows("?"):
			s.instruction()
		default:
			s.note(Outside, "", "something stands behind the document; it is not read")
			s.err = io.EOF
			return
		}
	}
}

// markup reads what follows a "<".
func (s *Scanner) markup() {
	switch {
	case s.in.follows("!--"):
		s.comment()
	case s.in.follows("![CDATA["):
		s.cdata()
	case s.in.follows("?"):
		s.instruction()
	case s.in.follows("/"):
		s.endTag()
	case strings.EqualFold(string(s.in.peek(8)), "!DOCTYPE"):
		s.err = ErrDoctype
	default:
		s.startTag()
	}
	s.begun = true
}

// comment reads the rest of a comment.
func (s *Scanner) comment() {
	for last, before := rune(0), rune(0); ; {
		c := s.in.next()
		switch {
		case c == eof:
			s.note(Markup, "", "a comment has no end")
			return
		case c == '>' && last == '-' && before == '-':
			return
		case last == '-' && before == '-':
			s.note(Markup, "", `"--" stands inside a comment`)
		}
		s.allowed(c)
		before, last = last, c
	}
}

// cdata reads the rest of a CDATA section.
func (s *Scanner) cdata() {
	if len(s.open) == 0 {
		s.note(Outside, "", "a CDATA section stands outside of the document")
	}
	b := newText(s)
	for {
		c := s.in.next()
		if c == ']' && s.in.follows("]>") {
			break
		}
		if c == eof {
			s.note(Markup, "", "a CDATA section has no end")
			break
		}
		b.add(c)
	}
	b.emit()
}

// instruction reads the rest of a processing instruction, or of the XML declaration.
func (s *Scanner) instruction() {
	var b strings.Builder
	first := !s.begun
	for last := rune(0); ; {
		c := s.in.next()
		if c == eof {
			s.note(Markup, "", "an instruction has no end")
			return
		}
		declaration := isDeclaration(b.String())
		if c == '>' && (last == '?' || declaration) {
			if last != '?' {
				s.note(Declaration, "", `the XML declaration does not end in "?>"`)
			}
			break
		}
		s.allowed(c)
		if b.Len() < maxValue {
			b.WriteRune(c)
		}
		last = c
	}
	text := strings.TrimSuffix(b.String(), "?")
	if isDeclaration(text) {
		s.declaration(text[3:], first)
		return
	}
	target := strings.TrimRight(text, "?")
	if i := strings.IndexFunc(target, isSpace); i >= 0 {
		target = target[:i]
	}
	if !isName(target) || strings.EqualFold(target, "xml") || strings.Contains(target, ":") {
		s.note(Markup, "", "an instruction has no valid target")
	}
}

func isDeclaration(text string) bool {
	return strings.HasPrefix(text, "xml") && (len(text) == 3 || isSpace(rune(text[3])) || text[3] == '?')
}

// declaration checks what an XML declaration says.
func (s *Scanner) declaration(text string, first bool) {
	if !first || s.in.line > 1 && s.rooted {
		s.note(Declaration, "", "the XML declaration is not at the beginning")
	}
	attributes, ok := parseDeclaration(text)
	if !ok {
		s.note(Declaration, "", "the XML declaration is broken")
		return
	}
	if v := attributes["version"]; v != "1.0" {
		s.note(NotVersion1, "", "the XML version is %s, not 1.0", foreign.Quote(v, 20))
	}
}

// parseDeclaration parses the pseudo attributes of a declaration, in their order.
func parseDeclaration(text string) (map[string]string, bool) {
	found, order := map[string]string{}, []string{"version", "encoding", "standalone"}
	for {
		rest := strings.TrimLeft(text, " \t\n")
		if rest == "" {
			_, versioned := found["version"]
			return found, versioned
		}
		name, value, ok := strings.Cut(rest, "=")
		name, value = strings.TrimRight(name, " \t\n"), strings.TrimLeft(value, " \t\n")
		if !ok || len(rest) == len(text) || value == "" || value[0] != '"' && value[0] != '\'' {
			return found, false
		}
		end := strings.IndexByte(value[1:], value[0])
		for len(order) > 0 && order[0] != name {
			order = order[1:]
		}
		if end < 0 || len(order) == 0 {
			return found, false
		}
		order = order[1:]
		found[name], text = value[1:1+end], value[end+2:]
		if name == "standalone" && found[name] != "yes" && found[name] != "no" || name == "encoding" && found[name] == "" {
			return found, false
		}
	}
}
