package message

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// charsetText is what programs make of the bytes of an encoded word.
type charsetText struct {
	// text is the text in UTF-8, as far as the character set uses ASCII bytes
	// as parts of other characters: an "@" byte in the ISO-2022-JP of a
	// Japanese name is no at sign. In all other sets an ASCII byte is that
	// ASCII character, and bytes beyond ASCII remain.
	text string
	// other is another reading of the bytes, or "" if all programs agree as far
	// as ASCII is concerned.
	other string
	// unsure is true if a program could read an "@" that neither text nor other
	// shows.
	unsure bool
}

// asciiCharsets are the beginnings of names of character sets in which every
// ASCII byte is that ASCII character, in the form that plainName returns. No
// program has a character set whose name begins with "unknown".
var asciiCharsets = []string{
	"utf8", "usascii", "ascii", "iso8859", "latin", "windows125", "koi8", "cp125", "win125", "cp437", "cp737", "cp775", "cp85", "cp86", "cp874",
	"ibm437", "ibm737", "ibm775", "ibm85", "ibm86", "ansix341968", "ansix341986", "mac", "xmac", "tis620", "viscii", "unknown", "xunknown",
}

// decodeCharset reads bytes by the name of their character set.
func decodeCharset(charset, bytes string) charsetText {
	charset, _, _ = strings.Cut(strings.ToLower(charset), "*") // language, RFC 2231 section 5
	for _, plain := range [...]string{"utf-8", "us-ascii", "iso-8859-", "windows-125", "koi8-"} {
		if strings.HasPrefix(charset, plain) {
			return charsetText{text: bytes}
		}
	}
	name := plainName(charset)
	for _, prefix := range asciiCharsets {
		if strings.HasPrefix(name, prefix) {
			return charsetText{text: bytes}
		}
	}
	e, err := htmlindex.Get(charset)
	if err != nil || e == encoding.Replacement || len(charset) > 64 {
		return charsetText{text: bytes, unsure: mayHoldAt(name, bytes)}
	}
	converted, err := e.NewDecoder().String(bytes)
	if err != nil {
		converted = bytes
	}
	switch known, _ := htmlindex.Name(e); {
	case strings.HasPrefix(known, "utf-16"):
		// Programs disagree about the order of the bytes without a mark.
		return charsetText{text: converted, other: bytes, unsure: strings.Contains(bytes, "@")}
	case known == "iso-2022-jp" && err == nil && cleanJapanese(bytes, converted):
		return charsetText{text: converted}
	}
	// A program that knows a smaller set of this name takes the second byte of
	// an unknown character for ASCII.
	if converted == bytes {
		return charsetText{text: converted}
	}
	return charsetText{text: converted, other: bytes}
}

// cleanJapanese reports whether ISO-2022-JP (RFC 1468) was read without an
// error and uses no other escape sequences than those of its standard.
func cleanJapanese(bytes, converted string) bool {
	for rest := bytes; ; {
		_, after, ok := strings.Cut(rest, "\x1b")
		if !ok {
			return !strings.Contains(converted, "\uFFFD")
		}
		switch after[:min(len(after), 2)] {
		case "$@", "$B", "(B", "(J":
		default:
			return false
		}
		rest = after
	}
}

// plainName returns the letters and digits of a name in lower case.
func plainName(charset string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, charset)
}

// mayHoldAt reports whether an "@" could come out of bytes in a character set
// that we do not decode, or that has no name. Programs know some hundred more:
// sets of more than one byte a character and transfer encodings, where an
// escape sequence may yield an "@", and EBCDIC, where other bytes are one. The
// names of all EBCDIC sets hold digits or the word itself.
func mayHoldAt(name, bytes string) bool {
	for _, escaped := range [...]string{"utf7", "base64", "uuencode"} {
		if strings.Contains(name, escaped) {
			return bytes != ""
		}
	}
	if strings.ContainsAny(bytes, "@\\&=+%") {
		return true
	}
	if !strings.ContainsAny(name, "0123456789") && !strings.Contains(name, "ebcdic") {
		return false
	}
	for i := range len(bytes) {
		switch bytes[i] {
		case '|', 'D', 0x80, 0xac, 0xae, 0xaf, 0xb5, 0xec:
			return true
		}
	}
	return false
}
