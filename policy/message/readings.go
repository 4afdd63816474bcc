package message

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// reread looks for the author in a field outside the grammar, as the package
// comment says: every "@" of every reading counts, in quotes and comments as
// well. It reports whether all are followed by the same domain.
func reread(value string) (mailboxes []Mailbox, ok bool) {
	text := oneLine(value)
	if strings.Count(text, "@") > maxMailboxes || !addressOutside(text) {
		return nil, false
	}
	mailboxes, ok = everyAddress(text)
	if !ok || !strings.Contains(text, "=?") {
		return mailboxes, ok
	}
	words := decodeAll(segments(text))
	if words.unsure || words.nested != "" || openWord(text) {
		return nil, false
	}
	for _, decoded := range words.texts {
		again, ok := everyAddress(decoded)
		if !ok || again[0].Domain != mailboxes[0].Domain {
			return nil, false
		}
	}
	return mailboxes, true
}

// everyAddress returns the address around every "@" of a text without folds. It
// reports false if there is none, if their domains differ, or if a program
// could read a domain that is longer, shorter or another. A name without a dot
// may be the beginning of a longer one, so it is no domain here.
func everyAddress(text string) ([]Mailbox, bool) {
	var all []Mailbox
	if !bracketsHoldAddresses(text) {
		return nil, false
	}
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '@')
		if i < 0 {
			return all, len(all) > 0
		}
		at := from + i
		begin, ok := localBegin(text, at)
		domain := domainBehind(text, at)
		if !ok || !strings.Contains(domain, ".") || len(all) > 0 && domain != all[0].Domain || len(all) == maxMailboxes {
			return nil, false
		}
		m := Mailbox{Local: strings.TrimRight(text[begin:at], " \t"), Domain: domain}
		switch {
		case slices.Contains(all, m):
		case begin > 0 && text[begin-1] == '<':
			all = slices.Insert(all, 0, m) // what most programs show
		default:
			all = append(all, m)
		}
		from = at + 1
	}
}

// inBrackets reports whether an angle bracket is open at an index.
func inBrackets(text string, at int) bool {
	return strings.LastIndexByte(text[:at], '<') > strings.LastIndexByte(text[:at], '>')
}

// localBegin returns where the local part before an "@" begins. It reports
// false if none stands there, or one that programs read differently. In angle
// brackets, blanks before the "@" do no harm.
func localBegin(text string, at int) (begin int, ok bool) {
	if inBrackets(text, at) {
		at = len(strings.TrimRight(text[:at], " \t"))
	}
	if begin = quotedBegin(text, at); begin >= 0 {
		return begin, true
	}
	begin = at
	for begin > 0 && (isAtext(text[begin-1]) || text[begin-1] == '.') {
		begin--
	}
	local := text[begin:at]
	return begin, local != "" && utf8.ValidString(local) && !strings.ContainsAny(local, fullwidthAt) &&
		!strings.ContainsFunc(local, invisible) && !strings.Contains(local, "=?")
}

// quotedBegin returns where a quoted local part begins that ends at an index, or
// -1 if there is none, or one with other characters than words.
func quotedBegin(text string, end int) int {
	quoted, ok := strings.CutSuffix(text[:end], `"`)
	if !ok {
		return -1
	}
	begin := strings.LastIndexByte(quoted, '"')
	if begin < 0 || strings.ContainsFunc(quoted[begin+1:], func(r rune) bool {
		return r == utf8.RuneError || invisible(r) || strings.ContainsRune(fullwidthAt, r) ||
			r < utf8.RuneSelf && !isAtext(byte(r)) && r != '.' && r != ' '
	}) || strings.Contains(quoted, "=?") {
		return -1
	}
	return begin
}

// domainBehind returns the normalized domain behind the "@" at an index, or ""
// unless all programs read the same one.
func domainBehind(text string, at int) string {
	end := at + 1
	for end < len(text) && isDomainByte(text[end]) {
		end++
	}
	name := text[at+1 : end]
	domain, ok := NormalizeDomain(name)
	if !ok || !utf8.ValidString(name) || !validALabels(domain) || idnaMaps(name, domain) || !domainEnds(text, end, inBrackets(text, at)) {
		return ""
	}
	return domain
}

// isDomainByte reports whether a byte can be part of a domain name. Every byte
// beyond ASCII counts.
func isDomainByte(c byte) bool {
	return c >= utf8.RuneSelf || isAtext(c) && strings.IndexByte("!#$%&'*+/=?^`{|}~", c) < 0 || c == '.'
}

// domainEnds reports whether a domain that we read up to end ends there for
// every program. Some take white space, comments and closing quotes out and go
// on, and where an angle bracket is open some go on behind a comma or
// semicolon. Behind a closed bracket and a blank a word may follow, as no
// program adds it unless a bracket is open all the same, or one follows in the
// same element of the list.
func domainEnds(text string, end int, open bool) bool {
	closed, spaced := false, false
	for i := end; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
			spaced = closed
		case '\'', '`', '"', ')', ']':
		case '>':
			closed = closed || open
		case '(':
			last := commentEnd(text, i)
			if i == end && !strings.Contains(text[i:], ")") || strings.Contains(text[i:last], `\`) {
				return false // some go on behind a parenthesis that nothing closes, or that a backslash precedes
			}
			i = last
		case ',', ';':
			return !open || closed
		case '<':
			inside, _, _ := strings.Cut(text[i+1:], ">")
			if open || strings.Trim(inside, " \t") != "" {
				// Some join the text of two pairs of brackets.
				return !open && bracketsMatch(text[:i])
			}
			i += len(inside) + 1 // some take empty brackets out and go on
		default:
			before, _, more := strings.Cut(text[i:], "<")
			return spaced && isAtext(c) && bracketsMatch(text[:i]) && (!more || strings.ContainsAny(before, ",;") && !strings.ContainsAny(before, `"(`))
		}
	}
	return true
}

// bracketsMatch reports whether no angle bracket of a text is open.
func bracketsMatch(text string) bool { return strings.Count(text, "<") <= strings.Count(text, ">") }

// commentEnd returns the index of the parenthesis that closes the one at open,
// or the last index of the text.
func commentEnd(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text) - 1
}

// bracketsHoldAddresses reports whether each opening angle bracket stands
// before an address, before another bracket, or before text without a dot. A
// program takes anything else in brackets for the address.
func bracketsHoldAddresses(text string) bool {
	for {
		_, after, ok := strings.Cut(text, "<")
		if !ok {
			return true
		}
		inside := after
		if end := strings.IndexAny(after, "<>"); end >= 0 {
			inside = after[:end]
		}
		if strings.Contains(inside, ".") && !strings.Contains(inside, "@") {
			return false
		}
		text = after
	}
}

// addressOutside reports whether a text has an "@" outside quoted strings and
// comments. A quote that nothing closes begins no quoted string.
func addressOutside(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '@':
			return true
		case '(':
			i = commentEnd(text, i)
		case '"':
			end := quoteEnd(text, i)
			if end < 0 {
				return strings.Contains(text[i:], "@")
			}
			i = end
		}
	}
	return false
}

// quoteEnd returns the index of the quote that closes the one at open, or -1.
func quoteEnd(text string, open int) int {
	for i := open + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// addressMoves reports whether a program that does not see a text's quoted
// strings and comments as we do could read an address of another domain. A name
// without a dot, as in "Bob @ Home", is no domain.
func addressMoves(text, domain string) bool {
	last := strings.LastIndexByte(text, '<') // others may be part of a name
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '@')
		if i < 0 {
			return false
		}
		from += i + 1
		rest, _, _ := strings.Cut(text[from:], "@")
		if last >= from && last < from+len(rest) {
			rest = text[from:last]
		}
		switch d := domainBehind(text, from-1); {
		case d == domain:
		case dotted(rest), strings.HasPrefix(rest, "["):
			return true
		}
	}
}

// oneLine takes the line ends out of folds.
func oneLine(value string) string { return strings.ReplaceAll(value, "\r\n", "") }
