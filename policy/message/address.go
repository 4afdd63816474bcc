package message

import (
	"slices"
	"strings"
)

// addressParser reads the address-list of a From field (RFC 5322 section 3.4).
// Its input holds no control characters except tabs and folds. A method that
// returns bool returns false if the parser cannot go on; it has set the problem
// then.
type addressParser struct {
	s       string
	i       int
	author  *Author
	inGroup bool
	// comments is the number of comments read so far, and before what it was
	// where the element of the list began.
	comments, before int
	// emptyElements is true if the list has an empty element, as in
	// "a@example.org,,b@example.org". It does no harm if all addresses have one
	// domain.
	emptyElements bool
	// unsafe says why programs may disagree about what is a name or comment, so
	// that addresses in there count; "" if they agree.
	unsafe string
	// outside is true if an address or an encoded word is outside the grammar, so
	// that some programs look for another address in names and comments.
	outside bool
	// quotedParenthesis is true if a quoted string holds a parenthesis.
	quotedParenthesis bool
}

// word is an atom, a quoted string or a dot of a phrase or local part.
type word struct {
	text   string // unquoted
	quoted bool
	gap    bool // white space or a comment precedes it
}

// fail records the problem unless there is one, and returns false.
func (p *addressParser) fail(problem string) bool {
	p.author.fail(problem)
	return false
}

// doubt notes why programs may disagree about names and comments.
func (p *addressParser) doubt(reason string) {
	if p.unsafe == "" {
		p.unsafe = reason
	}
}

// oddAddress notes an oddity of an address.
func (p *addressParser) oddAddress(oddity string) {
	p.odd(oddity)
	p.doubt("an address in a name or comment beside " + oddity)
	p.outside = true
}

// odd notes an oddity.
func (p *addressParser) odd(oddity string) {
	if !slices.Contains(p.author.Oddities, oddity) {
		p.author.Oddities = append(p.author.Oddities, oddity)
	}
}

// peek returns the next byte, or 0 at the end.
func (p *addressParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// list parses the whole field.
func (p *addressParser) list() {
	if !p.skip() {
		return
	}
	if p.peek() == 0 {
		p.fail("an empty From field")
		return
	}
	for p.address() {
		switch p.peek() {
		case 0:
			if p.inGroup {
				p.fail("a group instead of an address")
			}
			return
		case ',':
			p.i++
			p.before = p.comments
		case ';':
			if !p.inGroup {
				p.fail("a semicolon between addresses")
				return
			}
			p.i++
			p.inGroup = false
			if !p.skip() || p.peek() == 0 {
				return
			}
			if p.peek() != ',' {
				p.fail("text after a group")
				return
			}
			p.i++
		default:
			p.fail("text after the address")
			return
		}
	}
}

// address parses one mailbox or the beginning of a group, with the white space
// and comments after it.
func (p *addressParser) address() bool {
	if len(p.author.Mailboxes) == maxMailboxes {
		return p.fail(tooMany)
	}
	words, gap, ok := p.words()
	if !ok {
		return false
	}
	switch c := p.peek(); {
	case c == '<':
		return p.angle(words)
	case c == '@' && len(words) > 0:
		return p.bare(words, gap)
	case c == '@':
		return p.fail("an address without a local part")
	case c == ':' && len(words) > 0 && p.colonsInName():
		return p.nameWithColons(words)
	case c == ':' && !p.inGroup && len(words) > 0:
		p.fail("a group instead of an address")
		p.i++
		p.inGroup = true
		if !p.skip() {
			return false
		}
		if p.peek() == ';' { // an empty group
			return true
		}
		return p.address()
	case (c == 0 || c == ',') && len(words) == 0 && !p.inGroup:
		p.emptyElements = true // RFC 5322 section 4.4 (obs-mbox-list)
		p.odd(emptyElement)
		if p.comments > p.before {
			// Some programs take a comment that stands alone for an address.
			p.doubt("an address in a comment that stands alone")
		}
		return true
	case (c == 0 || c == ',' || c == ';') && len(words) == 0:
		return p.fail(emptyElement)
	case c == 0 || c == ',' || c == ';':
		if strings.Contains(join(words), "=?") {
			return p.fail(encodedAddress)
		}
		p.fail(noDomain)
		p.author.Mailboxes = append(p.author.Mailboxes, Mailbox{Local: validUTF8(join(words))})
		return true
	case c == '>':
		return p.fail(unmatched)
	case c == '\\':
		return p.fail("a backslash outside quotes")
	}
	return p.fail(malformed)
}

// bare parses an address without angle brackets, from its "@" on. words are
// what precedes the "@".
func (p *addressParser) bare(words []word, gap bool) bool {
	for i, w := range words {
		if i > 0 && w.gap && w.text != "." && words[i-1].text != "." {
			return p.fail("a name and an address without angle brackets")
		}
	}
	m, ok := p.addrSpec(words, gap)
	if !ok {
		return false
	}
	if !p.skip() {
		return false
	}
	if p.peek() != '<' {
		p.author.Mailboxes = append(p.author.Mailboxes, m)
		return true
	}
	// "joe@example.org <joe@example.org>" breaks the grammar but is common. It
	// does no harm if both addresses have one domain: all clients then show the
	// same domain.
	if !p.angle([]word{{text: m.Local + "@" + m.Domain}}) {
		return false
	}
	last := p.author.Mailboxes[len(p.author.Mailboxes)-1]
	if m.Domain == "" || last.Domain != m.Domain {
		p.fail(addressInFront)
	} else {
		p.oddAddress(addressInFront)
	}
	return true
}

// angle parses an angle-addr after its display name, and the white space and
// comments after it.
func (p *addressParser) angle(name []word) bool {
	if anyBracket(name) && strings.Contains(DecodeWords(join(name)), "@") {
		return p.fail(squareBrackets)
	}
	p.i++
	comments := p.comments
	words, gap, ok := p.words()
	if !ok {
		return false
	}
	switch c := p.peek(); {
	case p.comments > comments:
		return p.fail("a comment inside the address")
	case len(words) == 0 && (c == '@' || c == ','):
		return p.fail("a source route in the address")
	case len(words) == 0 && c == '>':
		return p.fail(emptyAddress)
	case c == '<':
		return p.fail("nested angle brackets")
	case c == 0:
		return p.fail(unmatched)
	case c == '>':
		p.i++
		if strings.Contains(join(words), "=?") {
			return p.fail(encodedAddress)
		}
		p.fail(noDomain)
		p.author.Mailboxes = append(p.author.Mailboxes, Mailbox{Name: validUTF8(join(name)), Local: validUTF8(join(words))})
		return p.skip()
	case c != '@':
		return p.fail(malformed)
	}
	m, ok := p.addrSpec(words, gap)
	if !ok {
		return false
	}
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\r' || p.peek() == '\n' {
		p.i++
	}
	switch p.peek() {
	case '>':
		p.i++
	case '(':
		return p.fail("a comment inside the address")
	case '<':
		return p.fail("nested angle brackets")
	case 0:
		return p.fail(unmatched)
	case '@':
		return p.fail("more than one @ in the address")
	default:
		return p.fail("text after the address")
	}
	m.Name = validUTF8(join(name))
	p.author.Mailboxes = append(p.author.Mailboxes, m)
	return p.skip()
}
