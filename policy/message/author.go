package message

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Mailbox is one address of the From field.
type Mailbox struct {
	// Name is the display name without quotes. Encoded words are not decoded.
	Name string `json:"name"`
	// Local and Domain are the parts of the addr-spec. Domain is in lower-case
	// A-labels (RFC 8616 section 4); it is empty if the address has none.
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

// Author is the author that a message's From fields name.
type Author struct {
	// Domain is the Author Domain (RFC 9989 section 3.2.2) in lower-case
	// A-labels. It is empty whenever Problem is set, so an ambiguous author is
	// aligned with nothing.
	Domain string `json:"domain"`
	// Mailboxes are the addresses that could be parsed, at most 100.
	Mailboxes []Mailbox `json:"mailboxes"`
	// Problem explains why there is no single Author Domain; it is "" if there
	// is one. Its text continues the words "the author is ambiguous: ".
	Problem string `json:"problem"`
	// Oddities name what breaks the grammar of RFC 5322 in a field, or is
	// obsolete in it, although all programs read the same domain.
	Oddities []string `json:"oddities"`
	// Absent is true if the message has one From field with addresses, but none
	// of them has a domain ("MAILER-DAEMON", "<>"), and the field holds no "@"
	// that a reader could take for part of an address. Problem is set as well.
	// Absent is false for a message without a From field and for an empty From
	// field.
	Absent bool `json:"absent"`
}

// Address returns the author's address without its name. Local is "" if there is more
// than one address in the author's domain.
func (a Author) Address() Mailbox {
	address := Mailbox{Domain: a.Domain}
	if len(a.Mailboxes) == 1 {
		address.Local = a.Mailboxes[0].Local
	}
	return address
}

// Ambiguous reports whether the From fields fail to name exactly one Author
// Domain that all mail clients agree on. See also Author.Absent.
func (a Author) Ambiguous() bool { return a.Problem != "" }

// Bounds on a From field. RFC 5322 limits only the length of its lines.
const (
	maxFromValue  = 64 << 10
	maxMailboxes  = 100
	maxFromFields = 10 // further fields are counted but not parsed
	maxLine       = 998
	maxComment    = 32 // levels of nesting
)

// ParseAuthor parses the From fields of a header by RFC 5322 section 3.4 and
// RFC 6532.
//
// The package comment states the principle: every domain counts that some
// program could take for that of the author's address. These make the author
// ambiguous: several fields or domains, source routes, blanks, comments or
// encoded words inside an address, bytes that some readers take for the end of
// a line or string, and names in which some programs find another address.
// Several mailboxes with one domain are allowed (RFC 9989 section 5.3.1), and so
// is a field outside the grammar in which everybody reads one domain.
func ParseAuthor(h Header) Author {
	var from []Field
	misspelt := false
	for _, f := range h {
		switch {
		case f.Is("From"):
			from = append(from, f)
		case looksLikeFrom(f.Name):
			from, misspelt = append(from, f), true
		}
	}
	var a Author
	for _, f := range h {
		if hidesFrom(f) {
			a.Problem = "a bare CR or LF in front of what looks like a From field"
			return a
		}
	}
	switch {
	case len(from) == 0:
		a.Problem = "no From field"
		return a
	case len(from) > 1:
		a.Problem = strconv.Itoa(len(from)) + " From fields"
	case misspelt:
		a.Problem = "a From field whose name holds other bytes"
	}
	for _, f := range from[:min(len(from), maxFromFields)] {
		a.read(f.Value())
	}
	if a.Problem == "" {
		a.Domain = a.Mailboxes[0].Domain
	} else {
		a.Oddities = nil
	}
	a.Absent = (a.Problem == noDomain || a.Problem == emptyAddress) && len(from) == 1 && !mentionsAddress(from[0].Value())
	return a
}

// Problems that several functions find. With noDomain and emptyAddress the
// field may name no domain at all.
const (
	noDomain     = "an address without a domain"
	emptyAddress = "an empty address"
	emptyElement = "an empty element in the list of addresses"
	mappedName   = "characters in the domain that IDNA maps to others or to nothing"
	tooDeep      = "comments nested too deeply"
	tooMany      = "more than 100 addresses"
)

// final are the problems of fields that are not read again.
var final = map[string]bool{tooDeep: true, tooMany: true}

// read parses one field and adds its mailboxes and oddities. It keeps the first
// problem found.
func (a *Author) read(value string) {
	var one Author
	one.readField(value)
	a.fail(one.Problem)
	a.Oddities = append(a.Oddities, one.Oddities...)
	a.Mailboxes = append(a.Mailboxes, one.Mailboxes[:min(len(one.Mailboxes), maxMailboxes-len(a.Mailboxes))]...)
}

// readField parses one field.
func (a *Author) readField(value string) {
	if converted := fromJapanese(value); converted != value {
		a.Oddities = append(a.Oddities, "a display name in raw ISO-2022-JP")
		value = converted
	}
	if problem := rawProblem(value); problem != "" {
		a.fail(problem)
		return
	}
	p := addressParser{s: value, author: a}
	p.list()
	if a.Problem == "" && len(a.Mailboxes) == 0 {
		a.fail("an empty From field")
	}
	if a.Problem == "" {
		p.judge()
		return
	}
	if final[a.Problem] {
		return
	}
	// In a list, what has no domain is an address of its own. With a single
	// address, it is a part of a name.
	if mailboxes, ok := reread(value); ok && (a.Problem != noDomain || len(mailboxes) == 1) {
		p.odd(oddity(value, a.Problem))
		a.Mailboxes, a.Problem = mailboxes, ""
		return
	}
	if (a.Problem == noDomain || a.Problem == emptyAddress) && !strings.Contains(value, "@") {
		a.Problem = cmp.Or(hiddenAddress(value, ""), a.Problem)
	}
}

// judge looks for other domains that a program could read in a field that
// follows the grammar.
func (p *addressParser) judge() {
	a, value := p.author, p.s
	domain := a.Mailboxes[0].Domain
	if slices.ContainsFunc(a.Mailboxes, func(m Mailbox) bool { return m.Domain != domain }) {
		if p.emptyElements {
			a.fail(emptyElement)
		}
		a.fail("addresses of several domains")
		return
	}
	if !utf8.ValidString(value) {
		p.odd("raw 8-bit text that is not UTF-8")
	}
	encoded := strings.Contains(value, "=?")
	if !encoded && strings.Count(value, "@") == len(a.Mailboxes) {
		return // no name or comment holds an address
	}
	a.fail(bracketedElsewhere(value, domain))
	if encoded {
		words := decodeAll(segments(value))
		a.fail(words.hiddenAddress(value, domain))
		if words.broken {
			p.doubt(brokenWord)
			p.outside = true
			a.fail(wordToTheEnd(oneLine(value), domain))
		}
	}
	if p.comments > 0 && p.quotedParenthesis {
		p.doubt(overlapped)
	}
	if p.unsafe == "" || a.Problem != "" {
		return
	}
	text := oneLine(value)
	texts := []string{text}
	if encoded {
		texts = append(texts, decodeAll(segments(text)).texts...)
	}
	if slices.ContainsFunc(texts, func(text string) bool { return p.moves(text, domain) }) {
		a.fail(p.unsafe)
	}
}

// moves reports whether a program could read an address of another domain in a
// text whose names and comments are not safe.
func (p *addressParser) moves(text, domain string) bool {
	if strings.Count(text, "@") == len(p.author.Mailboxes) {
		return false // none but those of the mailboxes
	}
	if p.outside {
		all, ok := everyAddress(text)
		return !ok || all[0].Domain != domain
	}
	return addressMoves(text, domain)
}

// fail records a problem unless there is one.
func (a *Author) fail(problem string) {
	if a.Problem == "" {
		a.Problem = problem // may be "": callers pass on the result of a check
	}
}

// hidesFrom reports whether a field holds a bare CR or LF with a From field
// after it. A client that ends lines there shows that one.
func hidesFrom(f Field) bool {
	value := strings.ReplaceAll(f.Value(), "\r\n", "  ")
	for {
		i := strings.IndexAny(value, "\r\n")
		if i < 0 {
			return false
		}
		value = strings.TrimLeft(value[i+1:], " \t\r\n")
		name, _, ok := strings.Cut(value[:min(len(value), 80)], ":")
		if ok && (strings.EqualFold(strings.TrimSpace(name), "From") || looksLikeFrom(name)) {
			return true
		}
	}
}

// looksLikeFrom reports whether a lenient reader could take a name for From,
// because it ignores bytes that no field name may have (RFC 5322 section 2.2),
// or ends the name at one.
func looksLikeFrom(name string) bool {
	if len(name) < len("From") || len(name) > 64 {
		return false
	}
	var clean strings.Builder
	for i := range len(name) {
		if c := name[i]; c > ' ' && c < 0x7f {
			clean.WriteByte(c)
		}
	}
	before, _, _ := strings.Cut(name, "\x00")
	return clean.Len() < len(name) &&
		(strings.EqualFold(clean.String(), "From") || strings.EqualFold(before, "From"))
}

// rawProblem returns the problem with a field's octets, before its grammar is
// parsed; "" if there is none.
func rawProblem(value string) string {
	if len(value) > maxFromValue {
		return "a From field over 64 KiB"
	}
	lineStart := -len("From:")
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == 0:
			return "a NUL in the From field"
		case c == '\r' && i+2 < len(value) && value[i+1] == '\n' && (value[i+2] == ' ' || value[i+2] == '\t'):
			i++
			lineStart = i + 1
		case c == '\r' || c == '\n':
			return "a bare CR or LF in the From field"
		case c < ' ' && c != '\t' || c == 0x7f:
			return "a control character in the From field"
		}
		if i-lineStart >= maxLine {
			return "a From field with a line over 998 octets"
		}
	}
	if blankLineInside(value) {
		return "a blank line inside the From field"
	}
	return ""
}

// blankLineInside reports whether a line of white space is followed by more
// text. Some readers take such a line for the end of the header.
func blankLineInside(value string) bool {
	blank, first := false, true
	for line := range strings.SplitSeq(value, "\r\n") {
		switch empty := strings.Trim(line, " \t") == ""; {
		case empty && !first:
			blank = true
		case !empty && blank:
			return true
		}
		first = false
	}
	return false
}
