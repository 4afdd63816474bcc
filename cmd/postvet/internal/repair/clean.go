package repair

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What web forms, word processors and copying leave in a record.
const (
	oddQuotes      = "quotes are part of the text: they belong to the zone file, not to the record"
	oddBackslashes = "backslashes are part of the text: the form it was entered in needs none"
	oddLineEnds    = "a line end is part of the text"
	oddBlanks      = "blanks other than those of ASCII are part of the text"
	oddInvisible   = "characters that cannot be seen are part of the text"
	oddLookalikes  = "characters that only look like those of ASCII are part of the text"
	oddOctets      = "octets that are no text are part of the record"
)

// lookalikes are characters that were meant to be others.
var lookalikes = map[rune]rune{
	'\u2010': '-', '\u2011': '-', '\u2012': '-', '\u2013': '-', '\u2014': '-', '\u2015': '-', '\u2212': '-', '\uff0d': '-',
	'\u037e': ';', '\uff1b': ';', '\uff1a': ':', '\uff1d': '=', '\uff0c': ',', '\uff0e': '.', '\uff20': '@', '\uff5e': '~',
	'\u02dc': '~', '\u223c': '~',
	'\u2018': '\'', '\u2019': '\'', '\u201a': '\'', '\u2032': '\'', '`': '\'', '\u00b4': '\'',
	'\u201c': '"', '\u201d': '"', '\u201e': '"', '\u2033': '"', '\u00ab': '"', '\u00bb': '"', '\uff02': '"',
}

// escaped is what a zone file would read: a backslash with three digits or with one
// character (RFC 1035 section 5.1), and the line ends of programming languages.
var escaped = regexp.MustCompile(`\\(?:[0-9]{3}|[nrt](?:$|[^A-Za-z0-9])|.?)`)

// seam is where the text holds two strings of a zone file.
var seam = regexp.MustCompile(`"\s+"`)

// clean returns a text in printable ASCII without quotes and backslashes, and notes
// what it had of them.
func (p *Proposal) clean(s string) string {
	s = p.plain(s)
	if strings.Contains(s, `\`) {
		p.note(oddBackslashes)
		// A second round is for what was escaped twice.
		for i := 0; i < 2 && strings.Contains(s, `\`); i++ {
			s = p.plain(escaped.ReplaceAllStringFunc(s, unescape))
		}
		s = strings.ReplaceAll(s, `\`, "")
	}
	if strings.Contains(s, `"`) {
		p.note(oddQuotes)
		s = strings.ReplaceAll(seam.ReplaceAllString(s, ""), `"`, "")
	}
	if apart := withoutApostrophes(s); apart != s {
		p.note(oddQuotes)
		s = apart
	}
	return strings.TrimSpace(s)
}

// unescape returns what an escape stands for.
func unescape(e string) string {
	switch {
	case len(e) == 4:
		if n, err := strconv.Atoi(e[1:]); err == nil && n < 128 {
			return string(rune(n))
		}
		return ""
	case len(e) > 1 && strings.IndexByte("nrt", e[1]) >= 0:
		return " " + e[2:]
	}
	return e[1:]
}

// plain returns a text in printable ASCII and blanks.
func (p *Proposal) plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch like, ok := lookalikes[r]; {
		case ok:
			if r >= utf8.RuneSelf {
				p.note(oddLookalikes)
			}
			b.WriteRune(like)
		case r == '\n' || r == '\r':
			p.note(oddLineEnds)
			b.WriteByte(' ')
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1 && s[i] == 0xa0: // the no-break space of Latin-1
			p.note(oddBlanks)
			b.WriteByte(' ')
		case r == utf8.RuneError && n == 1:
			p.note(oddOctets)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case unicode.IsSpace(r):
			p.note(oddBlanks)
			b.WriteByte(' ')
		default:
			p.note(oddInvisible)
		}
		i += n
	}
	return b.String()
}

// withoutApostrophes removes those that quote. One between letters may belong to an
// address.
func withoutApostrophes(s string) string {
	if !strings.Contains(s, "'") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '\'' && (i == 0 || i == len(s)-1 || !isWordByte(s[i-1]) || !isWordByte(s[i+1])) {
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
