// Package foreign makes text from outside harmless. Senders, domain owners, MTAs
// and files of other programs bring such text. It must not start a new line of a
// log, a reply or a field, steer a terminal, or reorder or hide the text beside
// it.
//
// Each form is for certain places:
//
//   - [Line] is running text in printable ASCII: the reason of a quarantine, a
//     value or comment of a header field, and the reasons and traces that
//     evaluators write.
//   - [Reply] is the text of an SMTP reply as the milter protocol carries it.
//   - [Word] is one word in printable ASCII: a name or term inside a sentence,
//     where a blank could pass for its end.
//   - [Quote] is a citation in printable ASCII that keeps each octet; unusual
//     ones are escaped as in Go.
//   - [Terminal] is one line that keeps readable UTF-8: the value of a log key,
//     and the output of a command. [TerminalLines] also keeps line ends, for
//     texts of several lines.
//   - [TerminalQuote] is a citation that keeps readable UTF-8, for errors of a
//     configuration.
//   - [JSON] is a document whose strings keep their meaning.
//
// [Cut] shortens a text that is passed on exactly, such as a string of JSON.
//
// All of them shorten by one rule. The result has at most n octets. It ends in
// "..." if something is missing, so that the beginning of a name does not pass
// for a whole name. It never ends inside a UTF-8 sequence or an escape.
package foreign

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Whole is the bound of a text that is not shortened.
const Whole = math.MaxInt

// Line returns s as printable ASCII on one line of at most n octets. Line ends
// and tabs become blanks, since most of them are folds of a header field. Each
// other character becomes "?".
func Line(s string, n int) string {
	if len(s) <= n && IsPrintable(s) {
		return s
	}
	return build(s, n, "", func(b []byte, r rune, _ string) []byte { return append(b, onLine(r)) })
}

// onLine returns the octet that stands for a character in printable ASCII.
func onLine(r rune) byte {
	switch {
	case r == '\t' || r == '\r' || r == '\n':
		return ' '
	case r < ' ' || r > '~':
		return '?'
	}
	return byte(r)
}

// Reply returns s as Line does, with each percent sign doubled: both MTAs take
// the text of a milter's reply for a format.
func Reply(s string, n int) string {
	return build(s, n, "", func(b []byte, r rune, _ string) []byte {
		if r == '%' {
			b = append(b, '%')
		}
		return append(b, onLine(r))
	})
}

// Word returns s as one word of printable ASCII with at most n octets: as it is
// if it is one, and otherwise as [Quote] does, with blanks escaped too. The
// empty text is `""`.
func Word(s string, n int) string {
	if isWord(s) {
		return Cut(s, n)
	}
	return build(s, n, `"`, func(b []byte, r rune, octets string) []byte {
		if r == ' ' {
			return append(b, `\x20`...)
		}
		return appendEscaped(b, octets)
	})
}

// Quote returns s in double quotes as printable ASCII with at most n octets.
// Unusual characters are escaped as in a string of Go.
func Quote(s string, n int) string {
	return build(s, n, `"`, func(b []byte, _ rune, octets string) []byte { return appendEscaped(b, octets) })
}

// Terminal returns s on one line of at most n octets. Readable characters of
// all scripts stay; each control character, invisible character, change of
// direction and invalid octet becomes "?".
func Terminal(s string, n int) string {
	if len(s) <= n && IsPrintable(s) {
		return s
	}
	return build(s, n, "", func(b []byte, r rune, octets string) []byte {
		if !IsReadable(r) {
			return append(b, '?')
		}
		return append(b, octets...)
	})
}

// TerminalLines is Terminal for a text of several lines: it keeps line ends and
// tabs, and does not shorten.
func TerminalLines(s string) string {
	return build(s, Whole, "", func(b []byte, r rune, octets string) []byte {
		if !IsReadable(r) && r != '\n' && r != '\t' {
			return append(b, '?')
		}
		return append(b, octets...)
	})
}

// TerminalQuote returns s in double quotes with at most n octets. Readable
// characters of all scripts stay; the others are escaped as in a string of Go.
func TerminalQuote(s string, n int) string {
	return build(s, n, `"`, func(b []byte, r rune, octets string) []byte {
		if !IsReadable(r) || r == '"' || r == '\\' {
			return appendEscaped(b, octets)
		}
		return append(b, octets...)
	})
}

// JSON returns a document of JSON in which each character is escaped that must not
// reach a terminal. Its meaning stays. The encoder of the standard library escapes
// only some of these characters.
func JSON(document []byte) []byte {
	b := make([]byte, 0, len(document))
	for _, r := range string(document) {
		switch {
		case IsReadable(r) || r == '\n' || r == '\t' || r == '\r':
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}

// Cut shortens s to at most n octets and changes nothing else: the result is
// not harmless.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return build(s, n, "", func(b []byte, _ rune, octets string) []byte { return append(b, octets...) })
}

// IsPrintable reports whether a text is nothing but printable ASCII, as almost
// all texts are.
func IsPrintable[T string | []byte](s T) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; len(s)-i >= 8; i += 8 { // eight octets at once
		x := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// The highest bit of an octet gets set if the octet is beyond ASCII, DEL, or
		// below a blank.
		if (x|(x+ones)|((x-' '*ones)&^x))&high != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isWord reports whether a text is printable ASCII that needs no quotes.
func isWord(s string) bool {
	return s != "" && IsPrintable(s) && !strings.ContainsAny(s, ` "\`)
}

// IsReadable reports whether a character may reach a terminal. [unicode.IsPrint]
// excludes the controls of C0 and C1, the changes of direction and the joiners
// (Cf), unassigned characters and all blanks but one. It includes invisible
// letters and marks, such as variation selectors and the fillers of Hangul, which
// are excluded here. Invalid octets decode to U+FFFD.
func IsReadable(r rune) bool {
	return r != utf8.RuneError && unicode.IsPrint(r) &&
		(r < utf8.RuneSelf || !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// appendEscaped appends one character, or one invalid octet, as it stands in a
// string of Go.
func appendEscaped(b []byte, octets string) []byte {
	from := len(b)
	b = strconv.AppendQuoteToASCII(b, octets)
	return append(b[:from], b[from+1:len(b)-1]...) // without its quotes
}

// missing stands at the end of a text that was shortened.
const missing = "..."

// build returns what piece appends for each character of s, between quotes, in
// at most n octets. An invalid octet is a character of its own, and
// [utf8.RuneError] stands for it.
func build(s string, n int, quote string, piece func(b []byte, r rune, octets string) []byte) string {
	room := n - 2*len(quote)
	b := make([]byte, 0, max(min(len(s), room), 0)+2*len(quote)+utf8.UTFMax)
	b = append(b, quote...)
	from := len(b)
	whole := from // how much of b stays if the rest does not fit
	for s != "" && len(b)-from <= room {
		r, size := utf8.DecodeRuneInString(s)
		b = piece(b, r, s[:size])
		s = s[size:]
		if len(b)-from <= room-len(missing) {
			whole = len(b)
		}
	}
	switch {
	case len(b)-from <= room:
		return string(append(b, quote...))
	case room < len(missing):
		return missing[:min(max(n, 0), len(missing))]
	}
	return string(append(append(b[:whole], quote...), missing...))
}
