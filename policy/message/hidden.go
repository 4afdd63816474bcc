package message

import (
	"strings"
	"unicode/utf8"
)

// hiddenAddress looks for an address of another domain that a client would find
// if it decoded encoded words before it parsed. It needs something in a decoded
// word that sets the address apart; "joe@example.org via list" is a mere name.
func hiddenAddress(value, domain string) string {
	if !strings.Contains(value, "=?") {
		return ""
	}
	if strings.Contains(strings.ToLower(value), "=?utf-7") {
		return "an encoded word in UTF-7"
	}
	for _, seg := range segments(value) {
		if seg.decoded && setsApart(string(seg.text)) {
			return foreignAddress(DecodeWords(value), domain)
		}
	}
	return ""
}

// bracketedElsewhere looks for an address in angle brackets that a client finds
// that ends a quoted string at its first quote, escaped or not, or that does not
// know comments.
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

// setsApart reports whether a decoded text holds what ends a display name or a
// comment for a parser that meets it.
func setsApart(text string) bool {
	open, end := strings.IndexByte(text, '('), strings.IndexByte(text, ')')
	if end >= 0 && (open < 0 || end < open) {
		return true
	}
	return strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r == 0x7f || strings.ContainsRune("<>,;\"\\", r)
	})
}

// foreignAddress looks at what follows each "@" of a decoded text. It is of no
// account if it cannot be a domain for want of a dot: "Bob@Home".
func foreignAddress(text, domain string) string {
	const problem = "an encoded word that hides another address"
	for {
		_, after, ok := strings.Cut(text, "@")
		if !ok {
			return ""
		}
		if name := domainAt(after); name != "" {
			if d, ok := NormalizeDomain(name); (!ok || d != domain) && dotted(untilSpecial(after)) {
				return problem
			}
		} else if d, ok := NormalizeDomain(domainAt(strings.TrimLeft(after, " \t\r\n"))); ok && d != domain && dotted(d) {
			return problem // some read on after the blank
		}
		text = after
	}
}

// domainAt returns the bytes of a domain at the beginning of s.
func domainAt(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r < utf8.RuneSelf && !isAtext(byte(r)) && r != '.'
	})
	if end < 0 {
		return s
	}
	return s[:end]
}

// untilSpecial returns s up to what ends a domain for every reader. Blanks and
// comments do not: RFC 5322 section 4.4 allows them around dots, and some
// readers allow them everywhere.
func untilSpecial(s string) string {
	if end := strings.IndexAny(s, "<>,;:@\""); end >= 0 {
		s = s[:end]
	}
	return s
}

// dotted reports whether there is a dot with something behind it, in any of the
// forms that IDNA takes for one.
func dotted(s string) bool {
	return strings.ContainsAny(strings.TrimRight(s, ". \t\r\n"), ".\u3002\uff0e\uff61")
}
