package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words reads atoms, quoted strings and dots up to the next special character,
// and reports whether white space or a comment follows the last of them.
//
// Square brackets are not of a phrase's grammar but frequent in display names
// ("Joe [work]"). They are taken for atoms; beside an address in quotes or in an
// encoded word they make some readers stop there and show that one, see angle.
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
			for isAtext(p.peek()) || p.peek() == '[' || p.peek() == ']' {
				p.i++
			}
			words = append(words, word{text: p.s[from:p.i], gap: gap})
		default:
			return words, gap, true
		}
	}
}

// skip passes over CFWS (RFC 5322 section 3.2.2).
func (p *addressParser) skip() bool {
	for {
		switch p.peek() {
		case ' ', '\t', '\r', '\n': // CR and LF only as folds
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

func (p *addressParser) comment() bool {
	for depth := 0; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '(':
			if depth++; depth > maxComment {
				return p.fail("comments nested too deeply")
			}
		case ')':
			if depth--; depth == 0 {
				p.i++
				return true
			}
		case '\\':
			if p.eatsQuote() {
				return p.fail("raw 8-bit text before a backslash")
			}
			p.i++
		}
	}
	return p.fail("a comment without end")
}

// quotedString reads a quoted string; folds in it are taken out, its white
// space is kept (RFC 5322 section 3.2.4).
func (p *addressParser) quotedString() (string, bool) {
	var text strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return text.String(), true
		case '\\':
			if p.eatsQuote() {
				return "", p.fail("raw 8-bit text before a backslash")
			}
			if p.i++; p.i < len(p.s) && p.s[p.i] != '\r' && p.s[p.i] != '\n' {
				text.WriteByte(p.s[p.i])
			}
		case '\r', '\n':
		default:
			text.WriteByte(c)
		}
	}
	return "", p.fail("a quoted string without end")
}

// eatsQuote reports whether the backslash here follows a byte that is no UTF-8.
// A client that takes the text for GBK or Shift-JIS reads the two as one
// character, and so another end of the quoted string or comment than we do.
func (p *addressParser) eatsQuote() bool {
	if p.i == 0 || p.s[p.i-1] < utf8.RuneSelf {
		return false
	}
	r, size := utf8.DecodeLastRuneInString(p.s[:p.i])
	return r == utf8.RuneError && size <= 1
}

// isAtext is atext of RFC 5322 section 3.2.3 with the UTF8-non-ascii of RFC
// 6532 section 3.2, and with any other byte beyond ASCII.
func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= utf8.RuneSelf:
		return true
	}
	return c != 0 && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// addrSpec reads "@" and the domain, given the words of the local part and
// whether something stands between them and the "@".
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
		return m, p.fail("a malformed address")
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
		p.fail("a domain that is not valid")
	default:
		m.Domain = domain
	}
	return m, true
}

// domainGoesOn reports whether a dot follows white space or comments here: the
// obs-domain of RFC 5322 section 4.4, which some read on and some end.
func (p *addressParser) domainGoesOn() bool {
	ahead := addressParser{s: p.s, i: p.i, author: &Author{}}
	return ahead.skip() && ahead.peek() == '.'
}

// localPart puts the words of a local part together.
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
		return "", p.fail("a malformed address")
	case strings.Contains(local, "=?"):
		return "", p.fail("an encoded word in the address")
	case !utf8.ValidString(local):
		return "", p.fail("raw 8-bit text that is not UTF-8 in the address")
	case strings.ContainsAny(local, "\uff20\ufe6b"): // compatibility forms of "@"
		return "", p.fail("more than one @ in the address")
	case strings.ContainsFunc(local, invisible):
		return "", p.fail("invisible characters in the address")
	case quoted && strings.Contains(local, "@") && strings.ContainsAny(local, "<>()[],;:\\\" \t"):
		// Whoever does not honour the quotes finds another address in there.
		return "", p.fail("an address inside a quoted local part")
	}
	return local, true
}

func anyBracket(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool { return !w.quoted && strings.ContainsAny(w.text, "[]") })
}

func anyQuoted(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool { return w.quoted })
}

// invisible finds characters that no address shows but that change how one
// looks: controls, directions, blanks beyond ASCII. The joiners that some
// scripts need to spell are none of them.
func invisible(r rune) bool {
	if r < utf8.RuneSelf || r == 0x200c || r == 0x200d {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z) // Z: Zs, Zl, Zp
}

// join puts words together as they stood, white space as one blank.
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

// validUTF8 returns a name for JSON, which knows only UTF-8. It is not harmless:
// package foreign is for that.
func validUTF8(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
