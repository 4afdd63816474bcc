package message

import "strings"

// addressParser reads an address-list (RFC 5322 section 3.4). Its input holds
// no control characters but tabs and folds. Each method that returns bool
// returns false after what cannot be read on from; the problem is then set.
type addressParser struct {
	s       string
	i       int
	author  *Author
	inGroup bool
	// comments counts the comments passed over.
	comments int
	// emptyPlaces: there were some in the list, which do no harm if all that
	// is in it has one domain.
	emptyPlaces bool
}

// word is an atom, a quoted string or a dot of a phrase or local part.
type word struct {
	text   string // unquoted
	quoted bool
	gap    bool // white space or a comment before it
}

func (p *addressParser) fail(problem string) bool {
	p.author.fail(problem)
	return false
}

// peek returns the next byte, 0 at the end.
func (p *addressParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// list reads the whole field.
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

// address reads one mailbox, or the beginning of a group, and the white space
// and comments after it.
func (p *addressParser) address() bool {
	if len(p.author.Mailboxes) == maxMailboxes {
		return p.fail("more than 100 addresses")
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
		if p.peek() == ';' { // an empty group is whole
			return true
		}
		return p.address()
	case (c == 0 || c == ',') && len(words) == 0 && !p.inGroup:
		p.emptyPlaces = true // RFC 5322 section 4.4 (obs-mbox-list)
		return true
	case (c == 0 || c == ',' || c == ';') && len(words) == 0:
		return p.fail(emptyPlace)
	case c == 0 || c == ',' || c == ';':
		if strings.Contains(join(words), "=?") {
			return p.fail("an encoded word in place of an address")
		}
		p.fail(noDomain)
		p.author.Mailboxes = append(p.author.Mailboxes, Mailbox{Local: validUTF8(join(words))})
		return true
	case c == '>':
		return p.fail("angle brackets that do not match")
	case c == '\\':
		return p.fail("a backslash outside quotes")
	}
	return p.fail("a malformed address")
}

// bare reads the rest of an address without angle brackets, whose words before
// the "@" were read.
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
	// "joe@example.org <joe@example.org>" breaks the grammar and is common. It
	// does no harm while both are of one domain, whichever a client shows.
	if !p.angle([]word{{text: m.Local + "@" + m.Domain}}) {
		return false
	}
	last := p.author.Mailboxes[len(p.author.Mailboxes)-1]
	if m.Domain == "" || last.Domain != m.Domain {
		p.fail("an address in front of the angle brackets")
	}
	return true
}

// angle reads an angle-addr and what may stand after it.
func (p *addressParser) angle(name []word) bool {
	if anyBracket(name) && strings.Contains(DecodeWords(join(name)), "@") {
		return p.fail("square brackets outside quotes")
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
		return p.fail("angle brackets that do not match")
	case c == '>':
		p.i++
		if strings.Contains(join(words), "=?") {
			return p.fail("an encoded word in place of an address")
		}
		p.fail(noDomain)
		p.author.Mailboxes = append(p.author.Mailboxes, Mailbox{Name: validUTF8(join(name)), Local: validUTF8(join(words))})
		return p.skip()
	case c != '@':
		return p.fail("a malformed address")
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
		return p.fail("angle brackets that do not match")
	case '@':
		return p.fail("more than one @ in the address")
	default:
		return p.fail("text after the address")
	}
	m.Name = validUTF8(join(name))
	p.author.Mailboxes = append(p.author.Mailboxes, m)
	return p.skip()
}
