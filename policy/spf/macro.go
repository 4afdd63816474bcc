package spf

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// macro is a parsed macro-string or explain-string (RFC 7208 section 7).
type macro struct {
	parts []part
	// static is true if there is nothing to expand: the text is its own value.
	static bool
	// letters is the set of macro letters used, one bit per letter from 'a'.
	letters uint32
}

// part is a run of literal text, or one macro-expand.
type part struct {
	literal string
	letter  byte // lower case; 0 for literal text
	escape  bool // the letter was in upper case (section 7.3)
	reverse bool
	keep    int    // right-hand parts to keep, 0 for all
	delims  string // "" for a dot
	// closed is true if the literal came from %%, %_ or %-. It may end a
	// domain-spec where other text may not.
	closed bool
}

// macroUse is the place of a macro-string, which decides what it may hold.
type macroUse uint8

const (
	// forName: a domain-spec, without the letters c, r and t (section 7.2) and
	// without spaces.
	forName macroUse = iota
	// forText: the value of an unknown modifier, without spaces.
	forText
	// forExplanation: an explain-string, with spaces.
	forExplanation
)

// parseMacro parses a macro-string. problem is "" if it is valid.
func parseMacro(s string, use macroUse) (m macro, problem string) {
	m.static = true
	start := 0
	literal := func(end int) {
		if end > start {
			m.parts = append(m.parts, part{literal: s[start:end]})
		}
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c != '%' {
			// macro-literal: visible characters (section 7.1); records are
			// ASCII (section 3.1).
			if (c <= ' ' || c > '~') && (c != ' ' || use != forExplanation) {
				return m, "it holds the character " + foreign.Quote(s[i:i+1], maxCited)
			}
			i++
			continue
		}
		literal(i)
		m.static = false
		if i+1 == len(s) {
			return m, "a percent sign stands alone at the end; a literal one is written %%"
		}
		switch s[i+1] {
		case '%':
			m.parts = append(m.parts, part{literal: "%", closed: true})
			i += 2
		case '_':
			m.parts = append(m.parts, part{literal: " ", closed: true})
			i += 2
		case '-':
			m.parts = append(m.parts, part{literal: "%20", closed: true})
			i += 2
		case '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return m, "a macro is not closed with }"
			}
			p, problem := parseExpand(s[i+2:i+end], use)
			if problem != "" {
				return m, problem
			}
			m.parts = append(m.parts, p)
			m.letters |= bit(p.letter)
			i += end + 1
		default:
			return m, "a percent sign is not followed by {, %, _ or -"
		}
		start = i
	}
	literal(len(s))
	return m, ""
}

// parseExpand parses the text between the braces: a letter, digits, "r" and
// delimiters.
func parseExpand(s string, use macroUse) (part, string) {
	if s == "" {
		return part{}, "a macro has no letter"
	}
	p := part{letter: s[0] | 0x20, escape: 'A' <= s[0] && s[0] <= 'Z'}
	name := "%{" + foreign.Word(s, maxCited) + "}"
	switch {
	case !isAlpha(s[0]) || strings.IndexByte("slodiphcrtv", p.letter) < 0:
		return p, "there is no macro " + name
	case use == forName && strings.IndexByte("crt", p.letter) >= 0:
		return p, "the macro " + name + " is allowed in explanations only"
	}
	s = s[1:]
	digits := 0
	for digits < len(s) && isDigit(s[digits]) {
		// No value has this many parts, so larger numbers mean the same.
		p.keep = min(p.keep*10+int(s[digits]-'0'), 9999)
		digits++
	}
	if digits > 0 && p.keep == 0 {
		return p, "the macro " + name + " keeps 0 parts; it must be one at least"
	}
	s = s[digits:]
	if s != "" && s[0]|0x20 == 'r' {
		p.reverse, s = true, s[1:]
	}
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(".-+,/_=", s[i]) < 0 {
			return p, "the macro " + name + " is malformed"
		}
	}
	p.delims = s
	return p, ""
}

// tail returns the literal text at the end, or "" if the macro-string ends in a
// macro-expand.
func (m *macro) tail() string {
	if n := len(m.parts); n > 0 && m.parts[n-1].letter == 0 && !m.parts[n-1].closed {
		return m.parts[n-1].literal
	}
	return ""
}

// uses reports whether one of the letters is used.
func (m *macro) uses(letters string) bool {
	for i := 0; i < len(letters); i++ {
		if m.letters&bit(letters[i]) != 0 {
			return true
		}
	}
	return false
}

func bit(letter byte) uint32 { return 1 << (letter - 'a') }

// maxNameOctets is the longest domain name in the form with dots (RFC 7208
// section 7.3).
const maxNameOctets = 253

// name expands the macro-string to a domain name. A longer name loses labels
// from the left, and a dot at the end is removed (RFC 7208 section 7.3). value
// returns the value of a letter.
//
// Expansion starts at the right and stops when the rest would be cut anyway, so
// that no record can cause more than a few hundred octets.
func (m *macro) name(value func(letter byte) string) string {
	var pieces []string
	size := 0
	for i := len(m.parts) - 1; i >= 0 && size <= maxNameOctets+1; i-- {
		s := m.parts[i].expand(value)
		pieces = append(pieces, s)
		size += len(s)
	}
	slices.Reverse(pieces)
	return targetName(strings.Join(pieces, ""))
}

// targetName returns expanded text as a name for a lookup.
func targetName(s string) string {
	s = dnscache.LowerASCII(strings.TrimSuffix(s, "."))
	if over := len(s) - maxNameOctets; over > 0 {
		// Without a dot from there on, the rest is one label, which is too
		// long. The name is kept, and impossible reports it.
		if dot := strings.IndexByte(s[over-1:], '.'); dot >= 0 {
			s = s[over+dot:]
		}
	}
	return s
}

// text expands an explain-string to at most limit octets.
func (m *macro) text(limit int, value func(letter byte) string) string {
	var b strings.Builder
	for i := 0; i < len(m.parts) && b.Len() < limit; i++ {
		b.WriteString(m.parts[i].expand(value))
	}
	s := b.String()
	if len(s) > limit {
		s = s[:limit]
	}
	return s
}

// expand returns the text of a part.
func (p *part) expand(value func(letter byte) string) string {
	if p.letter == 0 {
		return p.literal
	}
	s := p.transform(value(p.letter))
	if p.escape {
		s = escapeURL(s)
	}
	return s
}

// transform splits a value at the delimiters, reverses the parts, keeps the
// rightmost ones, and joins them with dots (RFC 7208 section 7.3).
func (p *part) transform(s string) string {
	if p.keep == 0 && !p.reverse && p.delims == "" {
		return s
	}
	delims := p.delims
	if delims == "" {
		delims = "."
	}
	var parts []string
	for {
		i := strings.IndexAny(s, delims)
		if i < 0 {
			break
		}
		parts = append(parts, s[:i])
		s = s[i+1:]
	}
	parts = append(parts, s)
	if p.reverse {
		slices.Reverse(parts)
	}
	if p.keep > 0 && p.keep < len(parts) {
		parts = parts[len(parts)-p.keep:]
	}
	return strings.Join(parts, ".")
}

// escapeURL escapes all but the unreserved characters of RFC 3986 section 2.3.
func escapeURL(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isAlpha(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}
