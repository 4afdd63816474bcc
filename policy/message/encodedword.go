package message

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
)

// DecodeWords replaces the encoded words of RFC 2047 by the text that they
// encode, wherever they stand and however malformed they are. The result shows
// what a lenient reader could see in a text. It is not for display: bytes
// beyond ASCII may remain in the character set of their word.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	return joinSegments(segments(s), false)
}

// segment is a part of a text, either decoded from encoded words or plain.
type segment struct {
	text    []byte
	decoded bool
	// other and unsure are those of charsetText; other is nil for none.
	other  []byte
	unsure bool
	// open is the encoded text of the last words if it ends inside an octet, and
	// encoding their encoding, b or q. apart is true if the word itself has a
	// character that sets apart what follows, or a program reads one that joins
	// words before it decodes them.
	open     string
	encoding byte
	apart    bool
}

// maxOpen bounds what is joined of words that end inside an octet.
const maxOpen = 2048

// otherwise returns the other reading of a segment.
func (seg segment) otherwise() []byte {
	if seg.other != nil {
		return seg.other
	}
	return seg.text
}

// add appends an adjacent word, whose encoded text is given. Some programs join
// the encoded text of both first, which makes a difference if the first ends
// inside an octet.
func (seg *segment) add(next segment, encoded string) {
	if seg.open != "" && seg.encoding == next.encoding {
		joined := seg.open + encoded
		text := decodeQ(joined)
		if seg.encoding == 'b' {
			text, _, _ = decodeB(joined)
		}
		seg.unsure = seg.unsure || strings.Contains(text, "@") || len(joined) > maxOpen
		seg.apart = seg.apart || setsApart(text)
		if next.open != "" && len(joined) <= maxOpen {
			next.open = joined
		}
	}
	seg.open, seg.encoding = next.open, next.encoding
	seg.apart = seg.apart || next.apart
	if seg.other != nil || next.other != nil {
		seg.other = append(bytes.Clone(seg.otherwise()), next.otherwise()...)
	}
	seg.text = append(seg.text, next.text...)
	seg.unsure = seg.unsure || next.unsure
}

// joinSegments returns the whole text, in the other reading on request.
func joinSegments(all []segment, other bool) string {
	var out strings.Builder
	for _, seg := range all {
		if other {
			out.Write(seg.otherwise())
		} else {
			out.Write(seg.text)
		}
	}
	return out.String()
}

// segments splits a text into encoded words and the text between them. Adjacent
// encoded words become one segment.
func segments(s string) []segment {
	var all []segment
	plain := func(text string) {
		if text != "" {
			all = append(all, segment{text: []byte(text), unsure: unfinished(text)})
		}
	}
	from := 0                          // the start of the text that is not in a segment yet
	last := strings.LastIndex(s, "?=") // no word ends behind it
	for at := 0; ; {
		i := strings.Index(s[at:], "=?")
		if i < 0 || at+i > last {
			plain(s[from:])
			return all
		}
		at += i
		word, encoded, size := decodeWord(s[at:])
		if size == 0 {
			at += 2
			continue
		}
		// RFC 2047 section 6.2: white space between two encoded words is not
		// text.
		n := len(all)
		if n > 0 && all[n-1].decoded && strings.Trim(s[from:at], " \t\r\n") == "" {
			all[n-1].add(word, encoded)
		} else {
			plain(s[from:at])
			all = append(all, word)
		}
		at += size
		from = at
	}
}

// decodeWord decodes the encoded word at the beginning of s and returns its
// encoded text and its size, which is 0 if there is none. RFC 2047 section 2 allows 75 octets and no
// empty character set, but programs decode longer words and such ones as well.
// The search of segments is linear all the same: it passes over a word that it
// has found, and what is no word ends at the third "?".
func decodeWord(s string) (word segment, encoded string, size int) {
	rest := s[2:]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || len(rest) < 2 || rest[1] != '?' {
		return segment{}, "", 0
	}
	encoding, rest := rest[0], rest[2:]
	if encoding != 'B' && encoding != 'b' && encoding != 'Q' && encoding != 'q' {
		return segment{}, "", 0
	}
	if encoded, _, ok = strings.Cut(rest, "?="); !ok {
		return segment{}, "", 0
	}
	size = len(s) - len(rest) + len(encoded) + len("?=")
	text, other, unsure := "", "", false
	if encoding == 'B' || encoding == 'b' {
		text, other, unsure = decodeB(encoded)
	} else {
		text, other = decodeQ(encoded), otherQ(encoded)
	}
	c := decodeCharset(charset, text)
	// Some programs take the beginning of a word inside for that of the word.
	word = segment{text: []byte(c.text), decoded: true, unsure: unsure || c.unsure || strings.Contains(encoded, "=?")}
	switch {
	case other != "":
		word.other = []byte(other)
	case c.other != "":
		word.other = []byte(c.other)
	}
	word.encoding = encoding | 0x20 // in lower case
	// What vanishes with the word can have ended a name.
	word.apart = setsApart(charset) || word.encoding == 'b' && setsApart(strings.Map(notBlank, encoded))
	if endsInside(encoded, word.encoding) {
		word.open = encoded
	}
	return word, encoded, size
}

// endsInside reports whether encoded text ends before an octet does.
func endsInside(encoded string, encoding byte) bool {
	if encoding == 'b' {
		return !strings.HasSuffix(encoded, "=") && len(encoded)%4 != 0
	}
	return strings.Contains(encoded[max(0, len(encoded)-2):], "=")
}

// unfinished reports whether a text holds the beginning of an encoded word, and
// an "@" in it for a program that decodes what has no end.
func unfinished(text string) bool {
	for {
		i := strings.Index(text, "=?")
		if i < 0 {
			return false
		}
		text = text[i:]
		begun := text
		if next := strings.Index(text[2:], "=?"); next >= 0 {
			begun = text[:2+next]
		}
		word, _, size := decodeWord(strings.ReplaceAll(begun, "@", "") + "?=")
		if size > 0 && (word.unsure || bytes.ContainsRune(word.text, '@') || bytes.ContainsRune(word.other, '@')) {
			return true
		}
		text = text[2:]
	}
}

// decodeB decodes base64 as leniently as the most lenient client: it ignores
// bytes outside the alphabet, and padding may be missing or stand in the
// middle. If padding stands in the middle, other is the text of a client that
// begins anew behind it. unsure is true if an "@" could come out, and padding
// stands in the middle or there are bytes outside the alphabet that are not
// white space.
func decodeB(s string) (text, other string, unsure bool) {
	clean := make([]byte, 0, len(s))
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '=' })
	for _, part := range parts {
		begin := len(clean)
		for i := range len(part) {
			switch c := part[i]; {
			case isBase64(rune(c)):
				clean = append(clean, c)
			case c != ' ' && c != '\t' && c != '\r' && c != '\n':
				unsure = true
			}
		}
		if len(parts) > 1 {
			other += fromBase64(clean[begin:])
		}
	}
	text = fromBase64(clean)
	if unsure || len(parts) > 1 {
		unsure = strings.Contains(text+other+eachRun(s)+eachRun(urlSafe.Replace(s)), "@")
	}
	return text, other, unsure
}

// urlSafe replaces the two characters of base64url (RFC 4648 section 5), which
// some programs know in words.
var urlSafe = strings.NewReplacer("-", "+", "_", "/")

// eachRun decodes each run of base64 by itself, as a program does that begins
// anew behind other bytes.
func eachRun(s string) string {
	var out strings.Builder
	for run := range strings.FieldsFuncSeq(s, func(r rune) bool { return !isBase64(r) }) {
		out.WriteString(fromBase64([]byte(run)))
	}
	return out.String()
}

// isBase64 reports whether a character is in the alphabet of base64.
func isBase64(r rune) bool {
	return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '+' || r == '/'
}

// fromBase64 decodes what consists of the alphabet of base64. It ignores a
// single character at the end.
func fromBase64(s []byte) string {
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(s)))
	n, err := base64.RawStdEncoding.Decode(out, s)
	if err != nil {
		return ""
	}
	return string(out[:n])
}

// decodeQ decodes the "Q" encoding of RFC 2047 section 4.2. A "=" without two hex
// digits stands for itself.
func decodeQ(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s):
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(n)
				i += 2
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// otherQ returns the text of a program that takes white space out of the hex
// digits in the "Q" encoding, as if a line had been folded there; "" if that
// makes no difference.
func otherQ(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") || !strings.Contains(s, "=") {
		return ""
	}
	return decodeQ(strings.Map(notBlank, s))
}

// notBlank takes white space out in strings.Map.
func notBlank(r rune) rune {
	if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
		return -1
	}
	return r
}
