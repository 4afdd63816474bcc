package message

import (
	"strconv"
	"strings"
)

// Mailbox is one address of the From field.
type Mailbox struct {
	// Name is the display name, unquoted, encoded words left as they are.
	Name string `json:"name"`
	// Local and Domain are the parts of the addr-spec; Domain is in lower case
	// and in A-labels (RFC 8616 section 4), empty if the address has none.
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

// Author is what a message's From fields say about who wrote it.
type Author struct {
	// Domain is the Author Domain (RFC 9989 section 3.2.2) in lower-case
	// A-labels. It is empty whenever Problem is set: what is ambiguous is never
	// aligned with anything.
	Domain string `json:"domain"`
	// Mailboxes are the addresses that could be read, at most 100.
	Mailboxes []Mailbox `json:"mailboxes"`
	// Problem says, in words for a person, why there is no single Author
	// Domain; "" if there is one. It reads well after "the author is ambiguous: ".
	Problem string `json:"problem"`
	// Absent tells of a Problem that is no question of which: the one From field
	// holds addresses, none of them has a domain ("MAILER-DAEMON", "<>"), and
	// there is no "@" in it that anybody could take for one. A message without a
	// From field, or with an empty one, is not among these.
	Absent bool `json:"absent"`
}

// Ambiguous reports whether the From fields do not name exactly one Author
// Domain in a way that all mail clients read alike; see also Author.Absent.
func (a Author) Ambiguous() bool { return a.Problem != "" }

// Bounds on a From field. RFC 5322 sets none but the line's.
const (
	maxFromValue  = 64 << 10
	maxMailboxes  = 100
	maxFromFields = 10 // more are counted, not read
	maxLine       = 998
	maxComment    = 32 // levels of nesting
)

// ParseAuthor reads the From fields of a header by RFC 5322 section 3.4 with
// the extensions of RFC 6532, strictly where mail clients disagree: several
// fields or domains, groups, source routes, blanks, comments and encoded words
// inside an address, text around it, and bytes that end a line or a string for
// some readers. Several mailboxes of one domain are fine (RFC 9989 section
// 5.3.1). What a display name or a comment says is of no account, unless a
// client that decodes before it parses would find another address there.
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

// The problems that are found in more than one place; with the first two a
// field may name no domain at all.
const (
	noDomain     = "an address without a domain"
	emptyAddress = "an empty address"
	emptyPlace   = "an empty place in the list of addresses"
)

// mentionsAddress reports whether there is a sign of an address with a domain
// anywhere in a field, as it is or decoded.
func mentionsAddress(value string) bool {
	return strings.ContainsAny(value+DecodeWords(value), "@\uff20\ufe6b") ||
		strings.Contains(strings.ToLower(value), "=?utf-7")
}

// read adds what one field says; the first problem found is kept.
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
		case p.emptyPlaces:
			a.fail(emptyPlace)
		default:
			a.fail("addresses of several domains")
		}
		return
	}
	a.fail(bracketedElsewhere(value, a.Mailboxes[0].Domain))
	a.fail(hiddenAddress(value, a.Mailboxes[0].Domain))
}

func (a *Author) fail(problem string) {
	if a.Problem == "" {
		a.Problem = problem // which is "" for what has none
	}
}

// hidesFrom finds a From field behind a bare CR or LF in another field, where a
// client that ends lines there sees it.
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

// looksLikeFrom finds names that a careless reader takes for From because it
// passes over or ends at bytes that no field name has (RFC 5322 section 2.2).
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

// rawProblem names what is wrong with a field before its grammar is looked at.
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

// blankLineInside finds a fold that is all white space with text after it: some
// readers take such a line for the end of the header.
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
