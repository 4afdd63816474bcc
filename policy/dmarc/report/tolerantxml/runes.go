package tolerantxml

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
)

// declared finds the encoding in an XML declaration.
var declared = regexp.MustCompile(`^<\?xml[^>]*?\sencoding\s*=\s*["']?([A-Za-z0-9._:-]{1,40})`)

// runes reads the characters of a document. Octets that are not of its encoding are read
// as UTF-8, and then as windows-1252, which has a character for each.
type runes struct {
	r    *bufio.Reader
	line int
	list *deviation.List
	err  error // of the reader, other than io.EOF
}

// newRunes looks at the beginning of a document for its encoding.
func newRunes(r io.Reader, list *deviation.List) *runes {
	in := bufio.NewReaderSize(r, 32<<10)
	s := &runes{r: in, line: 1, list: list}
	begin, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) && len(begin) == 0 {
		s.err = err
		return s
	}
	switch {
	case bytes.HasPrefix(begin, []byte("\xef\xbb\xbf")):
		_, _ = in.Discard(3)
		begin = begin[3:]
	case bytes.HasPrefix(begin, []byte("\xff\xfe")), bytes.HasPrefix(begin, []byte("<\x00")):
		s.decode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
		return s
	case bytes.HasPrefix(begin, []byte("\xfe\xff")), bytes.HasPrefix(begin, []byte("\x00<")):
		s.decode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM))
		return s
	}
	m := declared.FindSubmatch(bytes.TrimLeft(begin, " \t\r\n"))
	if m == nil {
		return s
	}
	name := strings.ToLower(string(m[1]))
	if name == "utf-8" || name == "us-ascii" {
		return s
	}
	e, err := htmlindex.Get(name)
	known := ""
	if err == nil {
		known, _ = htmlindex.Name(e)
	}
	switch {
	case err != nil || e == encoding.Replacement:
		list.Add(Encoding, 1, "", "the encoding %s is not known; it is read as UTF-8", foreign.Word(name, 40))
	case known == "utf-8":
		list.Add(Encoding, 1, "", "%s is no name of an encoding; it is UTF-8", foreign.Word(name, 40))
	case strings.HasPrefix(known, "utf-16"):
		list.Add(Encoding, 1, "", "%s is declared, but each character has one octet; it is read as UTF-8", foreign.Word(name, 40))
	default:
		s.decode(e)
	}
	return s
}

// decode has the document converted from an encoding.
func (s *runes) decode(e encoding.Encoding) {
	s.r = bufio.NewReaderSize(e.NewDecoder().Reader(s.r), 32<<10)
}

// eof is returned for the end of the document.
const eof rune = -1

// next returns the next character. CR LF and CR are LF, as XML 1.0 section 2.11 has it.
func (s *runes) next() rune {
	c := s.read()
	if c == '\r' {
		if b, err := s.r.Peek(1); err == nil && b[0] == '\n' {
			_, _ = s.r.Discard(1)
		}
		c = '\n'
	}
	if c == '\n' {
		s.line++
	}
	return c
}

func (s *runes) read() rune {
	if s.err != nil {
		return eof
	}
	c, size, err := s.r.ReadRune()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.err = err
		}
		return eof
	}
	if c != utf8.RuneError || size > 1 {
		return c
	}
	_ = s.r.UnreadRune()
	b, _ := s.r.ReadByte()
	s.list.Add(Encoding, s.line, "", "the octet %#x is not UTF-8; such octets are read as windows-1252", b)
	return charmap.Windows1252.DecodeByte(b)
}

// peek returns up to n of the octets that follow.
func (s *runes) peek(n int) []byte {
	b, _ := s.r.Peek(n)
	return b
}

// follows reports whether an ASCII text is next, and reads it if so.
func (s *runes) follows(text string) bool {
	if string(s.peek(len(text))) != text {
		return false
	}
	_, _ = s.r.Discard(len(text))
	return true
}
