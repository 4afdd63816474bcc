package tolerantxml

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/foreign"
)

// content gathers a piece of text.
type content struct {
	s    *Scanner
	b    strings.Builder
	line int
}

func newText(s *Scanner) *content { return &content{s: s, line: s.in.line} }

// add adds a character if XML allows it and the text of the element is not too long.
func (t *content) add(c rune) {
	if !t.s.allowed(c) {
		return
	}
	if t.s.length += utf8.RuneLen(c); t.s.length > MaxText {
		if !isSpace(c) {
			t.tooLong()
		}
		return
	}
	t.b.WriteRune(c)
}

// addPlain adds the octets that follow and need no further look, and that are at hand.
func (t *content) addPlain() {
	b := t.s.in.peek(t.s.in.r.Buffered())
	n := 0
	for n < len(b) && isPlain(b[n]) {
		n++
	}
	room := max(0, min(n, MaxText-t.s.length))
	t.b.Write(b[:room])
	t.s.length += n
	if len(bytes.Trim(b[room:n], " ")) > 0 {
		t.tooLong()
	}
	_, _ = t.s.in.r.Discard(n)
}

// tooLong notes that a text was cut.
func (t *content) tooLong() {
	if open := t.s.open; len(open) > 0 {
		t.s.note(LongText, open[len(open)-1].name, "has more than %d octets; the rest is left out", MaxText)
	}
}

// isPlain reports whether an octet of a text is a character that stands for itself.
func isPlain(b byte) bool {
	return b >= ' ' && b < 0x7f && b != '<' && b != '&' && b != '>' && b != ']'
}

// emit makes the text a token if it stands inside the document.
func (t *content) emit() {
	if t.b.Len() == 0 || len(t.s.open) == 0 {
		return
	}
	t.s.pending = append(t.s.pending, Token{Kind: Text, Text: t.b.String(), Line: t.line})
}

// allowed reports whether XML 1.0 section 2.2 allows a character, and notes it otherwise.
func (s *Scanner) allowed(c rune) bool {
	switch {
	case c == '\t' || c == '\n' || c == '\r' || c >= ' ' && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000 && c <= utf8.MaxRune:
		return true
	case c != eof:
		s.note(Control, "", "the character %U is not allowed in XML; such characters are left out", c)
	}
	return false
}

// text reads text up to the next "<", which begins with a character.
func (s *Scanner) text(c rune) {
	if !s.rooted {
		s.prolog(c)
		return
	}
	t := newText(s)
	brackets := 0
	for ; ; c = s.in.next() {
		switch {
		case c == '&':
			s.reference(t)
		case c == '>' && brackets >= 2:
			s.note(Unescaped, "", `"]]>" stands in a text`)
			t.add(c)
		default:
			t.add(c)
		}
		if brackets++; c != ']' {
			brackets = 0
			t.addPlain()
		}
		if next := s.in.peek(1); len(next) == 0 || next[0] == '<' || t.b.Len() > MaxText {
			break
		}
	}
	t.emit()
}

// prolog reads a character before the root.
func (s *Scanner) prolog(c rune) {
	s.begun = true
	if isSpace(c) {
		return
	}
	s.note(Outside, "", "text stands before the document; it is not read")
	if len(s.outside) < 60 {
		s.outside += string(c)
	}
}

// maxReference bounds a reference: the longest entity of HTML has 31 letters.
const maxReference = 33

// reference reads what follows a "&".
func (s *Scanner) reference(t *content) {
	ahead := string(s.in.peek(maxReference))
	name, _, ended := strings.Cut(ahead, ";")
	if !ended || name == "" || strings.Trim(name, "#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		s.note(Unescaped, "", `a bare "&"`)
		t.add('&')
		return
	}
	c, known := predefined[name]
	switch {
	case known:
	case name[0] == '#':
		if c, known = numeric(name[1:]); !known {
			s.note(Control, "", "&%s; is no character; it is left out", foreign.Line(name, maxReference))
			s.in.follows(name + ";")
			return
		}
	default:
		text := html.UnescapeString("&" + name + ";")
		if text == "&"+name+";" {
			s.note(Unescaped, "", "&%s; is no entity of XML", foreign.Line(name, maxReference))
			t.add('&')
			return
		}
		s.note(HTMLEntity, "", "&%s; is an entity of HTML, not of XML", foreign.Line(name, maxReference))
		s.in.follows(name + ";")
		for _, c := range text {
			t.add(c)
		}
		return
	}
	s.in.follows(name + ";")
	t.add(c)
}

// predefined are the entities of XML 1.0 section 4.6.
var predefined = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "apos": '\'', "quot": '"'}

// numeric returns the character of a reference by number.
func numeric(digits string) (rune, bool) {
	base := 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n > 0 && n <= utf8.MaxRune && (n < 0xd800 || n > 0xdfff)
}

func isSpace(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
