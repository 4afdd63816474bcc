package message

import (
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// DecodeWords replaces the encoded words of RFC 2047 by the text that they
// encode, wherever they stand and however malformed they are. The result shows
// what a lenient reader could see in a text. It is not for display: bytes
// beyond ASCII may remain in the character set of their word.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var out strings.Builder
	for _, seg := range segments(s) {
		out.Write(seg.text)
	}
	return out.String()
}

// segment is a part of a text, either decoded from encoded words or plain.
type segment struct {
	text    []byte
	decoded bool
}

// segments splits a text into encoded words and the text between them. Adjacent
// encoded words become one segment.
func segments(s string) []segment {
	var all []segment
	plain := func(text string) {
		if text != "" {
			all = append(all, segment{text: []byte(text)})
		}
	}
	from := 0 // the start of the text that is not in a segment yet
	for at := 0; ; {
		i := strings.Index(s[at:], "=?")
		if i < 0 {
			plain(s[from:])
			return all
		}
		at += i
		text, size := decodeWord(s[at:])
		if size == 0 {
			at += 2
			continue
		}
		// RFC 2047 section 6.2: white space between two encoded words is not
		// text.
		n := len(all)
		if n > 0 && all[n-1].decoded && strings.Trim(s[from:at], " \t\r\n") == "" {
			all[n-1].text = append(all[n-1].text, text...)
		} else {
			plain(s[from:at])
			all = append(all, segment{text: []byte(text), decoded: true})
		}
		at += size
		from = at
	}
}

// decodeWord decodes the encoded word at the beginning of s and returns its
// size, which is 0 if there is none.
func decodeWord(s string) (text string, size int) {
	rest := s[2:]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || charset == "" || len(charset) > 64 {
		return "", 0
	}
	encoding, rest, ok := strings.Cut(rest, "?")
	if !ok || len(encoding) != 1 {
		return "", 0
	}
	// RFC 2047 section 2 allows 75 octets; the bound keeps the search linear.
	encoded, _, ok := strings.Cut(rest[:min(len(rest), 2048)], "?=")
	if !ok {
		return "", 0
	}
	size = len(s) - len(rest) + len(encoded) + len("?=")
	switch encoding[0] {
	case 'B', 'b':
		return toUTF8(charset, decodeB(encoded)), size
	case 'Q', 'q':
		return toUTF8(charset, decodeQ(encoded)), size
	}
	return "", 0
}

// toUTF8 converts a text to UTF-8 if its character set uses ASCII bytes as
// parts of other characters: an "@" byte in the ISO-2022-JP of a Japanese name
// is no at sign. Text in all other sets, and in unknown ones, is returned as it
// is, because an ASCII byte in it is that ASCII character.
func toUTF8(charset, text string) string {
	charset, _, _ = strings.Cut(strings.ToLower(charset), "*") // language, RFC 2231 section 5
	for _, plain := range []string{"utf-8", "us-ascii", "iso-8859-", "windows-125", "koi8-"} {
		if strings.HasPrefix(charset, plain) {
			return text
		}
	}
	e, err := htmlindex.Get(charset)
	if err != nil || e == encoding.Replacement {
		return text
	}
	converted, err := e.NewDecoder().String(text)
	if err != nil {
		return text
	}
	return converted
}

// decodeB decodes base64 as leniently as the most lenient client: it ignores
// bytes outside the alphabet, and padding may be missing or stand in the
// middle.
func decodeB(s string) string {
	clean := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out, err := base64.RawStdEncoding.DecodeString(string(clean))
	if err != nil {
		return ""
	}
	return string(out)
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
