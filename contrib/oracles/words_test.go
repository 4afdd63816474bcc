package oracles

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// word returns a text as an encoded word (RFC 2047) as honest programs write it.
func (g generator) word(s string) string {
	charset := g.one("utf-8", "UTF-8", "utf-8", "iso-8859-1", "ISO-8859-1", "windows-1252", "us-ascii", "utf-8*en")
	text := s
	if c := strings.ToLower(charset); !strings.HasPrefix(c, "utf-8") {
		text = latin1(s)
	}
	return g.encoded(charset, text)
}

// oddWord returns a text as an encoded word that programs read differently, if
// at all.
func (g generator) oddWord(s string) string {
	switch g.IntN(16) {
	case 0:
		return g.encoded(g.one("", "x-own", "unknown-8bit", "unicode", "utf8", "utf_8", "default", "0", " ", "utf-8 ", "*en", "'", "8bit", "ascii", "cp65001", "x-user-defined"), s)
	case 1:
		return g.encoded(strings.Repeat("x", 65+g.IntN(100)), s)
	case 2, 3:
		return g.encoded(g.one("utf-7", "UTF-7", "unicode-1-1-utf-7", "x-utf-7", "csunicode11utf7", "utf-7-imap"), utf7(s))
	case 4:
		return g.encoded(g.one("utf-16be", "utf-16", "ucs-2", "ucs-2be", "iso-10646-ucs-2", "utf-16le", "ucs-2le"), wide(s, binary.BigEndian))
	case 5:
		return g.encoded(g.one("utf-16le", "utf-16", "ucs-2le", "ucs-2", "utf-16be", "unicodelittle"), wide(s, binary.LittleEndian))
	case 6:
		var text []byte
		for _, r := range s {
			text = binary.BigEndian.AppendUint32(text, uint32(r))
		}
		return g.encoded(g.one("utf-32be", "utf-32", "ucs-4", "ucs-4be", "iso-10646-ucs-4"), string(text))
	case 7:
		ebcdic, err := charmap.CodePage037.NewEncoder().String(latin1ToUTF8(latin1(s)))
		if err != nil {
			ebcdic = s
		}
		return g.encoded(g.one("cp037", "ibm037", "ebcdic-cp-us", "cp500", "ibm1047"), ebcdic)
	case 8:
		return g.encoded(g.one("iso-2022-jp", "iso-2022-kr", "iso-2022-cn", "hz-gb-2312", "gb2312", "big5", "shift_jis", "euc-kr", "gb18030"), g.insert(s, "~{", "\x1b$B", "\x1b(B", "\x81", "~}"))
	case 9: // without padding, with rubbish, or with padding in the middle
		b := base64.StdEncoding.EncodeToString([]byte(s))
		return "=?utf-8?b?" + g.insert(strings.TrimRight(b, "="), "", "=", "==", "-", " ", "\r\n ", "!") + "?="
	case 10: // blanks inside
		return "=?utf-8?q?" + s + "?="
	case 11: // cut
		w := g.word(s)
		return w[:len(w)-1-g.IntN(4)]
	case 12:
		w := g.word(s)
		return g.insert(w, "\r\n ", " ", "\x00", "?", "=", "\t", "_")
	case 13: // in two
		i := g.IntN(len(s) + 1)
		return g.word(s[:i]) + g.one("", " ", "\r\n ", "  ", "_", ".") + g.word(s[i:])
	case 14:
		return g.one("x", "a", "(", ".") + g.word(s) + g.one("x", "a", ")", ".", "\"")
	}
	return g.word(g.word(s))
}

// encoded returns an encoded word in the B or Q encoding.
func (g generator) encoded(charset, text string) string {
	if g.IntN(2) == 0 {
		return "=?" + charset + g.one("?B?", "?b?") + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
	}
	var q strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ':
			q.WriteByte('_')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '+', c == '/', c == '.':
			q.WriteByte(c)
		default:
			fmt.Fprintf(&q, "=%02X", c)
		}
	}
	return "=?" + charset + g.one("?Q?", "?q?") + q.String() + "?="
}

// one returns one of the texts.
func (g generator) one(texts ...string) string { return texts[g.IntN(len(texts))] }

// wide returns a text in UTF-16 without a byte order mark.
func wide(s string, order binary.AppendByteOrder) string {
	var text []byte
	for _, u := range utf16.Encode([]rune(s)) {
		text = order.AppendUint16(text, u)
	}
	return string(text)
}

// utf7 returns a text in UTF-7 (RFC 2152) with all but letters, digits and dots
// in base64.
func utf7(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x80 && (r >= 'a' || r >= '0' && r <= '9' || r == '.' || r == ' ') {
			out.WriteRune(r)
			continue
		}
		out.WriteString("+" + base64.RawStdEncoding.EncodeToString([]byte(wide(string(r), binary.BigEndian))) + "-")
	}
	return out.String()
}

// latin1ToUTF8 is the inverse of latin1.
func latin1ToUTF8(s string) string {
	var out []rune
	for i := range len(s) {
		out = append(out, rune(s[i]))
	}
	return string(out)
}
