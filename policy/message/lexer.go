package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words reads atoms, quoted strings and dots up to the next special character.
// It reports whether white space or a comment follows the last of them.
//
// Square brackets are not part of a phrase in the grammar but are frequent in
// display names ("Joe [work]"). They are read as atoms. Beside a quoted or
// encoded address they are a problem, because some readers stop at them and
// show that address; see angle.
func (p *addressParser) words() (words []word, gapAfter, ok bool) {
	for {
		start := p.i
		if !p.skip() {
			return nil, false, false
		}
		gap := p.i > start
		switch c := p.peek(); {
		case c == '"':
			text, ok := p.quotedString()
			if !ok {
				return nil, false, false
			}
			words = append(words, word{text: text, quoted: true, gap: gap})
		case c == '.':
			p.i++
			words = append(words, word{text: ".", gap: gap})
		case isAtext(c) || c == '[' || c == ']':
			from := p.i
			for c := p.peek(); isAtext(c) || c == '[' || c == ']'; c = p.peek() {
				if c == '[' || c == ']' {
					p.odd(squareBrackets)
					p.doubt("an address in a name or comment beside square brackets")
				}
				p.i++
			}
			words = append(words, word{text: p.s[from:p.i], gap: gap})
		default:
			return words, gap, true
		}
	}
}

// skip reads past comments and folding white space (CFWS, RFC 5322 section
// 3.2.2).
func (p *addressParser) skip() bool {
	for {
		switch p.peek() {
		case ' ', '\t', '\r', '\n': // rawProblem allows CR and LF only in folds
			p.i++
		case '(':
			if !p.comment() {
				return false
			}
			p.comments++
		case ')':
			return p.fail("parentheses that do not match")
		default:
			return true
		}
	}
}

// Reasons to doubt that all programs see the same quoted strings and comments.
const (
	folded      = "an address beside a folded quoted string or comment"
	escaped     = "an address beside a backslash in a quoted string or comment"
	nested      = "an address beside nested comments"
	overlapped  = "an address beside a comment and a quoted parenthesis"
	emptyQuotes = "an address beside an empty quoted string"
	brokenWord  = "an address beside the beginning of an encoded word"
)

// comment reads past a comment, which may hold others (RFC 5322 section 3.2.2).
func (p *addressParser) comment() bool {
	begin := p.i
	for depth := 0; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '\r':
			p.doubt(folded)
		case '(':
			if depth++; depth > maxComment {
				return p.fail(tooDeep)
			}
			if depth > 1 {
				p.doubt(nested)
			}
		case ')':
			if depth--; depth == 0 {
				p.i++
				p.decodedComment(p.s[begin:p.i])
				return true
			}
		case '\\':
			if p.afterInvalidUTF8() {
				return p.fail("raw 8-bit text before a backslash")
			}
			p.doubt(escaped)
			p.i++
		}
	}
	return p.fail("a comment without end")
}

// decodedComment doubts a comment with words whose text has parentheses: a program that
// decodes them before it parses finds nested comments, or another end.
func (p *addressParser) decodedComment(text string) {
	if !strings.Contains(text, "=?") {
		return
	}
	parentheses := func(s string) int { return strings.Count(s, "(") + strings.Count(s, ")") }
	for _, decoded := range decodeAll(segments(text)).texts {
		if parentheses(decoded) != parentheses(text) {
			p.doubt(nested)
		}
	}
}

// quotedString parses a quoted string. It removes the line ends of folds and
// keeps their white space (RFC 5322 section 3.2.4).
func (p *addressParser) quotedString() (string, bool) {
	var text strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			if p.afterInvalidUTF8() {
				p.doubt("an address beside raw 8-bit text before a quote")
			}
			if text.Len() == 0 {
				p.doubt(emptyQuotes)
			}
			p.i++
			return text.String(), true
		case '\\':
			if p.afterInvalidUTF8() {
				return "", p.fail("raw 8-bit text before a backslash")
			}
			p.doubt(escaped)
			if p.i++; p.i < len(p.s) && p.s[p.i] != '\r' && p.s[p.i] != '\n' {
				text.WriteByte(p.s[p.i])
			}
		case '\r':
			p.doubt(folded)
		case '\n':
		case '(', ')':
			p.quotedParenthesis = true
			text.WriteByte(c)
		default:
			text.WriteByte(c)
		}
	}
	return "", p.fail("a quoted string without end")
}

// afterInvalidUTF8 reports whether the byte before this backslash is not UTF-8.
// A client that reads the text as GBK or Shift-JIS takes both for one
// character, and so finds another end of the quoted string or comment than we
// do.
func (p *addressParser) afterInvalidUTF8() bool {
	if p.i == 0 || p.s[p.i-1] < utf8.RuneSelf {
		return false
	}
	r, size := utf8.DecodeLastRuneInString(p.s[:p.i])
	return r == utf8.RuneError && size <= 1
}

// isAtext reports whether a byte is atext (RFC 5322 section 3.2.3) or
// UTF8-non-ascii (RFC 6532 section 3.2). Every byte beyond ASCII counts.
func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= utf8.RuneSelf:
		return true
	}
	return c != 0 && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// addrSpec parses "@" and the domain of an address. words are its local part,
// and gap reports whether something stands between them and the "@".
func (p *addressParser) addrSpec(words []word, gap bool) (Mailbox, bool) {
	local, ok := p.localPart(words, gap)
	if !ok {
		return Mailbox{}, false
	}
	p.i++ // the "@"
	m := Mailbox{Local: local}
	start := p.i
	switch c := p.peek(); {
	case c == '[':
		end := strings.IndexByte(p.s[p.i:], ']')
		if end < 0 {
			return m, p.fail("a malformed address literal")
		}
		p.i += end + 1
		p.fail("an address literal instead of a domain")
		return m, true
	case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(':
		return m, p.fail("white space or a comment inside the address")
	case c == '@':
		return m, p.fail("more than one @ in the address")
	}
	for isAtext(p.peek()) || p.peek() == '.' {
		p.i++
	}
	name := p.s[start:p.i]
	switch p.peek() {
	case '@':
		return m, p.fail("more than one @ in the address")
	case '"', '[', ']', '\\', ':':
		return m, p.fail(malformed)
	}
	if name == "" {
		p.fail(noDomain)
		return m, true
	}
	if p.domainGoesOn() {
		return m, p.fail("white space or a comment inside the address")
	}
	domain, ok := NormalizeDomain(name)
	switch {
	case strings.Contains(name, "=?"):
		p.fail("an encoded word in the address")
	case !utf8.ValidString(name):
		p.fail("raw 8-bit text that is not UTF-8 in the address")
	case !ok || !validALabels(domain):
		p.fail(notValid)
	case idnaMaps(name, domain):
		p.fail(mappedName)
	default:
		m.Domain = domain
		if strings.HasSuffix(name, ".") {
			p.oddAddress("a dot at the end of the domain")
		}
	}
	return m, true
}

// domainGoesOn reports whether a dot follows white space or comments here. Some
// readers continue such a domain (obs-domain, RFC 5322 section 4.4), and some
// end it. Some end a comment at an escaped parenthesis and go on behind it.
func (p *addressParser) domainGoesOn() bool {
	ahead := addressParser{s: p.s, i: p.i, author: &Author{}}
	if !ahead.skip() {
		return false
	}
	if ahead.peek() == '.' {
		return true
	}
	for comments := p.s[p.i:ahead.i]; ; {
		_, after, ok := strings.Cut(comments, `\)`)
		if !ok {
			return false
		}
		if after != "" && isDomainByte(after[0]) {
			return true
		}
		comments = after
	}
}

// localPart checks the words of a local part and joins them.
func (p *addressParser) localPart(words []word, gap bool) (string, bool) {
	if len(words) == 0 {
		return "", p.fail("an address without a local part")
	}
	if gap || slices.ContainsFunc(words[1:], func(w word) bool { return w.gap }) {
		return "", p.fail("white space or a comment inside the address")
	}
	local := join(words)
	quoted := words[0].quoted
	switch {
	case quoted && len(words) > 1 || !quoted && anyQuoted(words):
		return "", p.fail("a local part that is quoted in part")
	case !quoted && strings.ContainsAny(local, "[]"):
		return "", p.fail(malformed)
	case strings.Contains(local, "=?"):
		return "", p.fail("an encoded word in the address")
	case !utf8.ValidString(local):
		return "", p.fail("raw 8-bit text that is not UTF-8 in the address")
	case strings.ContainsAny(local, fullwidthAt):
		return "", p.fail("more than one @ in the address")
	case strings.ContainsFunc(local, invisible):
		return "", p.fail("invisible characters in the address")
	case quoted && strings.Contains(local, "@") && strings.ContainsAny(local, "<>()[],;:\\\" \t"):
		// A reader that ignores the quotes finds another address in there.
		return "", p.fail("an address inside a quoted local part")
	}
	if quoted && strings.Contains(local, "@") {
		p.doubt("an address inside a quoted local part")
	}
	if !quoted && (strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..")) {
		p.oddAddress("dots where the local part may have none")
	}
	return local, true
}

func anyBracket(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool { return !w.quoted && strings.ContainsAny(w.text, "[]") })
}

func anyQuoted(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool { return w.quoted })
}

// invisible reports whether a character changes how an address looks without
// being shown: controls, direction marks, blanks beyond ASCII. The joiners
// U+200C and U+200D do not count, because some scripts need them.
func invisible(r rune) bool {
	if r < utf8.RuneSelf || r == 0x200c || r == 0x200d {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z) // Z: Zs, Zl, Zp
}

// join returns the words as one text, with one blank where white space or a
// comment stood.
func join(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for i, w := range words {
		if w.gap && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// validUTF8 returns a name with U+FFFD for bytes that are not UTF-8, as JSON
// requires. The result is not safe to print; package foreign makes it so.
func validUTF8(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
