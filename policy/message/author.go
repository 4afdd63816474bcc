package message

import (
	"strconv"
	"strings"
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
	// Absent is true if the message has one From field with addresses, but none
	// of them has a domain ("MAILER-DAEMON", "<>"), and the field holds no "@"
	// that a reader could take for part of an address. Problem is set as well.
	// Absent is false for a message without a From field and for an empty From
	// field.
	Absent bool `json:"absent"`
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
// It is strict where mail clients disagree. These make the author ambiguous:
// several fields or domains, groups, source routes, text around an address,
// blanks, comments or encoded words inside an address, and bytes that some
// readers take for the end of a line or string. Several mailboxes with one
// domain are allowed (RFC 9989 section 5.3.1).
//
// Display names and comments do not matter, unless a client that decodes them
// before it parses would find another address there.
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
)

// mentionsAddress reports whether a field, as it is or decoded, holds anything
// that a reader could take for an address with a domain.
func mentionsAddress(value string) bool {
	return strings.ContainsAny(value+DecodeWords(value), "@\uff20\ufe6b") ||
		strings.Contains(strings.ToLower(value), "=?utf-7")
}

// read parses one field and adds its mailboxes. It keeps the first problem
// found.
func (a *Author) read(value string) {
	value = fromJapanese(value)
	if problem := rawProblem(value); problem != "" {
		a.fail(problem)
		return
	}
	p := addressParser{s: value, author: a}
	p.list()
	if a.Problem != "" {
		return
	}
	if len(a.Mailboxes) == 0 {
		a.fail("an empty From field")
		return
	}
	for _, m := range a.Mailboxes {
		switch {
		case m.Domain == a.Mailboxes[0].Domain:
			continue
		case p.emptyElements:
			a.fail(emptyElement)
		default:
			a.fail("addresses of several domains")
		}
		return
	}
	a.fail(bracketedElsewhere(value, a.Mailboxes[0].Domain))
	a.fail(hiddenAddress(value, a.Mailboxes[0].Domain))
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
