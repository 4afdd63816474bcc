package message

import (
	"strings"

	"golang.org/x/text/encoding/japanese"
)

// This file handles fields that break the grammar but in which all programs read
// one domain.

// Oddities that are problems as well, where a program could read another domain.
const (
	squareBrackets = "square brackets outside quotes"
	addressInFront = "an address in front of the angle brackets"
	unmatched      = "angle brackets that do not match"
	encodedAddress = "an encoded word in place of an address"
	malformed      = "a malformed address"
	notValid       = "a domain that is not valid"
)

// oddity returns what is odd about a field in which one domain can be read
// although the grammar has this problem with it.
func oddity(value, problem string) string {
	if strings.Count(value, "<") != strings.Count(value, ">") {
		return unmatched
	}
	if strings.Contains(strings.ToLower(value), "mailto:") {
		return "mailto: in front of the address"
	}
	wordsAlone := problem == noDomain || problem == encodedAddress
	switch {
	case wordsAlone && strings.Contains(value, ";"):
		return "a semicolon outside quotes"
	case wordsAlone && strings.Contains(value, ","):
		return "a comma outside quotes"
	case problem == notValid:
		return "an address in apostrophes"
	case problem == malformed && strings.Contains(value, "["):
		return squareBrackets
	case problem == malformed && strings.Contains(value, ":"):
		return "a colon in front of the address"
	}
	return problem
}

// colonsInName reports whether the colon here can only be part of a display
// name, as in "Team: News <n@example.org>". By the grammar it begins a group.
// The field, before and after decoding, must end in its only angle brackets,
// which hold its only "@", and must have no separators, quotes or comments.
// Then a reader that sees a group finds the same single address.
func (p *addressParser) colonsInName() bool {
	for _, s := range [...]string{p.s, DecodeWords(p.s)} {
		if !oneInBrackets(s) || strings.ContainsAny(s, ",;\"\\()[]") || strings.LastIndexByte(s, ':') > strings.IndexByte(s, '<') {
			return false
		}
	}
	return len(p.author.Mailboxes) == 0
}

// nameWithColons parses a display name with colons, from the first colon on,
// and the address after it.
func (p *addressParser) nameWithColons(name []word) bool {
	p.odd("a colon in the display name outside quotes")
	for p.peek() == ':' {
		p.i++
		name = append(name, word{text: ":"})
		words, _, ok := p.words()
		if !ok {
			return false
		}
		name = append(name, words...)
	}
	if p.peek() != '<' {
		return p.fail("a malformed address")
	}
	return p.angle(name)
}

// oneInBrackets reports whether s ends in its only angle brackets and they hold
// its only "@".
func oneInBrackets(s string) bool {
	s = strings.TrimRight(s, " \t\r\n")
	return strings.Count(s, "<") == 1 && strings.Count(s, ">") == 1 && strings.Count(s, "@") == 1 &&
		strings.HasSuffix(s, ">") && strings.IndexByte(s, '<') < strings.IndexByte(s, '@')
}

// fromJapanese converts a field whose display name is raw ISO-2022-JP (RFC
// 1468). This was usual before RFC 2047 and still occurs. A reader that does
// not know the encoding sees ASCII in such a name, with quotes, commas and
// parentheses.
//
// The field is therefore converted only if neither kind of reader can find a
// second address: the only "@" of all bytes must be in the only angle brackets,
// at the end, and all escape sequences must be well formed and precede them.
// Any other value is returned as it is.
func fromJapanese(value string) string {
	if strings.IndexByte(value, 0x1b) < 0 || len(value) > maxFromValue || !oneInBrackets(value) || strings.Contains(value, "=?") {
		return value
	}
	open := strings.IndexByte(value, '<')
	var out strings.Builder
	for rest := value[:open]; ; {
		plain, after, ok := strings.Cut(rest, "\x1b$B")
		out.WriteString(plain)
		if !ok {
			break
		}
		end := strings.IndexByte(after, 0x1b)
		if end < 0 || end%2 != 0 || len(after) < end+3 || after[end:end+3] != "\x1b(B" && after[end:end+3] != "\x1b(J" {
			return value
		}
		if strings.ContainsFunc(after[:end], func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return value
		}
		text, err := japanese.ISO2022JP.NewDecoder().String("\x1b$B" + after[:end])
		if err != nil || isASCII(text) && text != "" {
			return value
		}
		out.WriteString(text)
		rest = after[end+3:]
	}
	return out.String() + value[open:]
}
