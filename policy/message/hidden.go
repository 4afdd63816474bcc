package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// decodedWords is what programs make of a text with encoded words.
type decodedWords struct {
	// texts are the readings of the text with its words decoded once.
	texts []string
	// nested is the text with the words decoded that come out of other words,
	// or "" for none.
	nested string
	// apart is true if a decoded word holds a character that sets apart what
	// follows it, and unsure if an "@" could come out of a word that we cannot
	// decode.
	apart, unsure bool
	// broken is true if the text outside of words has "=?". Some programs end the
	// text there.
	broken bool
}

// decodeAll decodes the words of a text in all ways.
func decodeAll(all []segment) decodedWords {
	const levels = 4 // of nested words; a program that decodes them decodes one more
	var d decodedWords
	other := false
	for _, seg := range all {
		d.unsure = d.unsure || seg.unsure
		if seg.decoded {
			other = other || seg.other != nil
			d.apart = d.apart || seg.apart || setsApart(string(seg.text)) || seg.other != nil && setsApart(string(seg.other))
		} else {
			d.broken = d.broken || bytes.Contains(seg.text, []byte("=?"))
		}
	}
	d.texts = append(d.texts, joinSegments(all, false))
	if other {
		d.texts = append(d.texts, joinSegments(all, true))
	}
	for _, text := range d.texts {
		for range levels {
			inner := DecodeWords(text)
			if inner == text {
				break
			}
			d.nested += inner + "\n"
			text = inner
		}
	}
	return d
}

// openWord reports whether the last encoded word of a text has no end and an "@"
// in it. Some programs decode it all the same.
func openWord(text string) bool {
	i := strings.LastIndex(text, "=?")
	if i < 0 {
		return false
	}
	_, rest, _ := strings.Cut(text[i+2:], "?")
	if len(rest) < 2 || rest[1] != '?' || strings.Contains(rest, "?=") {
		return false
	}
	switch rest[0] {
	case 'B', 'b':
		word, _, _ := strings.Cut(rest[2:], "<")
		decoded, _, unsure := decodeB(word)
		return unsure || strings.Contains(decoded, "@")
	case 'Q', 'q':
		return strings.Contains(rest, "=40")
	}
	return false
}

// wordToTheEnd returns a problem if a text has an encoded word without an end,
// and a program that decodes it up to the end of the text would read another
// domain: "_" stands for a blank there.
func wordToTheEnd(text, domain string) string {
	decoded := DecodeWords(text + "?=")
	if !strings.Contains(decoded, "@") || decoded == DecodeWords(text)+"?=" {
		return ""
	}
	if all, ok := everyAddress(decoded); ok && all[0].Domain == domain {
		return ""
	}
	return brokenWord
}

// hiddenAddress returns a problem if a program that decodes encoded words
// before it parses would find an address of another domain. A decoded word must
// hold a character that sets the address apart: "joe@example.org via list" is
// only a name. Two kinds of words are less sure, and any address in them counts.
func hiddenAddress(value, domain string) string {
	if !strings.Contains(value, "=?") {
		return ""
	}
	return decodeAll(segments(value)).hiddenAddress(value, domain)
}

// hiddenAddress is the function of that name for the words of a field.
func (d decodedWords) hiddenAddress(value, domain string) string {
	if strings.Contains(strings.ToLower(value), "=?utf-7") {
		return "an encoded word in UTF-7"
	}
	if d.apart {
		for _, text := range d.texts {
			if problem := foreignAddress(text, domain); problem != "" {
				return problem
			}
		}
	}
	switch {
	case d.unsure, openWord(value):
		return "an encoded word that programs decode differently"
	case addressMoves(d.nested, domain):
		return "an encoded word inside an encoded word"
	}
	return ""
}

// bracketedElsewhere returns a problem if a simple client would find an address
// of another domain in angle brackets. Such a client ends a quoted string at
// its first quote, escaped or not, or does not know comments.
func bracketedElsewhere(value, domain string) string {
	out := make([]byte, 0, len(value))
	quoted := false
	for i := range len(value) {
		if value[i] == '"' {
			quoted = !quoted
		} else if !quoted {
			out = append(out, value[i])
		}
	}
	text := string(out)
	for {
		_, after, ok := strings.Cut(text, "<")
		if !ok {
			return ""
		}
		address, _, _ := strings.Cut(after[:min(len(after), 1024)], ">")
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			if d, ok := NormalizeDomain(strings.TrimSpace(address[at+1:])); !ok || d != domain {
				return "an address in angle brackets where only a comment or quotes should be"
			}
		}
		text = after
	}
}

// setsApart reports whether a decoded text holds a character that ends a
// display name or a comment for a parser that reads it, or begins a comment that
// does not end with the text.
func setsApart(text string) bool {
	depth := 0
	return strings.ContainsFunc(text, func(r rune) bool {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		return depth < 0 || r < ' ' || r == 0x7f || strings.ContainsRune("<>,:;\"\\", r)
	}) || depth > 0
}

// mentionsAddress reports whether a field, as it is or decoded, holds anything
// that a reader could take for an address with a domain.
func mentionsAddress(value string) bool {
	if strings.ContainsAny(value, "@"+fullwidthAt) || strings.Contains(strings.ToLower(value), "=?utf-7") {
		return true
	}
	d := decodeAll(segments(value))
	return d.unsure || strings.ContainsAny(strings.Join(d.texts, "")+d.nested, "@"+fullwidthAt)
}

// fullwidthAt are the compatibility forms of "@".
const fullwidthAt = "\uff20\ufe6b"

// foreignAddress returns a problem if an "@" of a decoded text is followed by a
// domain other than the author's. A name without a dot, as in "Bob@Home", is no
// domain.
func foreignAddress(text, domain string) string {
	const problem = "an encoded word that hides another address"
	open := false // an angle bracket is
	for {
		before, after, ok := strings.Cut(text, "@")
		if !ok {
			return ""
		}
		if strings.ContainsAny(before, "<>") {
			open = inBrackets(before, len(before))
		}
		if strings.HasPrefix(after, "[") {
			return problem // an address literal
		}
		rest := strings.TrimLeft(after, " \t\r\n")
		name := domainAt(rest)
		d, ok := NormalizeDomain(name)
		switch {
		case name == "", len(rest) == len(after):
			if (!ok || d != domain) && dotted(untilSpecial(rest, open)) || ok && goesOn(name, rest[len(name):]) {
				return problem
			}
		case ok && d != domain && dotted(d):
			return problem // some readers continue after the blank
		}
		text = after
	}
}

// goesOn reports whether a reader that skips white space, comments, quotes and
// controls takes what follows a domain for more of it (obs-domain, RFC 5322
// section 4.4).
func goesOn(domain, rest string) bool {
	if inner := strings.TrimLeft(rest, `"`); len(inner) < len(rest) && domainAt(inner) != "" {
		return true
	}
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest == "" {
			return false
		}
		if rest[0] != '(' {
			return rest[0] == '.' || rest[0] < ' ' || strings.HasSuffix(domain, ".") && strings.IndexByte("<>,;:@)", rest[0]) < 0
		}
		rest = rest[commentEnd(rest, 0)+1:]
	}
}

// domainAt returns the beginning of s that consists of characters of a domain.
func domainAt(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r < utf8.RuneSelf && !isAtext(byte(r)) && r != '.'
	})
	if end < 0 {
		return s
	}
	return s[:end]
}

// untilSpecial returns s up to the first character that ends a domain for every
// reader. Blanks and comments do not end it: RFC 5322 section 4.4 allows them
// around dots, and some readers allow them everywhere. Nor do quotes, which some
// readers take out, a colon, a bracket that closes nothing, and all but that one
// where an angle bracket is open.
func untilSpecial(s string, open bool) string {
	special := "<,;@"
	if open {
		special = ">@"
	}
	if end := strings.IndexAny(s, special); end >= 0 {
		s = s[:end]
	}
	return s
}

// dotted reports whether s has a dot with text after it. All characters that
// IDNA maps to a dot count.
func dotted(s string) bool {
	return strings.ContainsAny(strings.TrimRight(s, ". \t\r\n\""), ".\u3002\uff0e\uff61")
}
