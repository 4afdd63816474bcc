package repair

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// DKIM keys and DMARC records are lists of tags (RFC 6376 section 3.2).

// tag is one tag with its value, which may be empty.
type tag struct{ name, value string }

// tagList is a list as it was meant: names in lower case, white space removed.
type tagList struct {
	tags []tag
	// rest are the members that are no tags.
	rest []string
}

// grammar is what readTags knows of a kind of list.
type grammar struct {
	// known are the names of tags that may follow without a semicolon.
	known []string
	// whole reports whether an equals sign belongs to the value of a tag.
	whole func(name, value string) bool
	// opaque is a tag whose value may end in any letters, "" if there is none.
	opaque string
}

// readTags takes a cleaned text apart.
func (p *Proposal) readTags(s string, g *grammar) (l tagList) {
	members := strings.Split(s, ";")
	for i := 0; i < len(members); i++ {
		member := strings.TrimSpace(members[i])
		if member == "" {
			if i < len(members)-1 {
				p.note("a tag between two semicolons is empty")
			}
			continue
		}
		name, value, ok := strings.Cut(member, "=")
		if colon, after, found := strings.Cut(member, ":"); found && slices.Contains(g.known, lowerTrim(colon)) {
			// v:DMARC1 instead of v=DMARC1
			p.note(foreign.Line(lowerTrim(colon), maxCited) + ": is written with a colon instead of an equals sign")
			name, value, ok = colon, strings.TrimLeft(after, "="), true
		}
		if !ok {
			l.rest = append(l.rest, member)
			continue
		}
		if low := lowerTrim(name); low != strings.TrimSpace(name) {
			p.note(foreign.Line(strings.TrimSpace(name), maxCited) + "= is written in other letters than " + foreign.Line(low, maxCited) + "=")
		}
		name, value = lowerTrim(name), strings.TrimLeft(strings.TrimSpace(value), "= ")
		if !g.whole(name, value) {
			if at, tail := nextTag(value, g.known, name != g.opaque); at >= 0 {
				p.noteMissing(value[:at], tail)
				members[i] = tail
				i--
				value = strings.TrimRight(value[:at], " ,.:")
			}
		}
		l.tags = append(l.tags, tag{name, value})
	}
	return l
}

// noteMissing says why a tag follows directly.
func (p *Proposal) noteMissing(before, tail string) {
	name, _, _ := strings.Cut(tail, "=")
	if before == "" || isWordByte(before[len(before)-1]) {
		p.note("strings are joined without a blank or semicolon before " + foreign.Line(lowerTrim(name), maxCited) + "=")
	} else {
		p.note("a semicolon is missing before " + foreign.Line(lowerTrim(name), maxCited) + "=")
	}
}

// nextTag finds a tag that follows in a value without a semicolon. It returns where the
// tag begins, and the rest of the value from there; -1 and "" if there is no tag. If
// joined is true, the tag may follow without a blank, too.
func nextTag(value string, known []string, joined bool) (at int, tail string) {
	for eq := strings.IndexByte(value, '='); eq > 0; {
		before := strings.TrimRight(value[:eq], " ")
		at = len(before)
		for _, k := range known {
			if n := len(before) - len(k); n >= 0 && n < at && strings.EqualFold(before[n:], k) {
				at = n
			}
		}
		if at < len(before) && (at == 0 || joined || value[at-1] == ' ') {
			return at, value[at:]
		}
		// The name of a tag that nobody knows needs a blank or comma before it.
		word := len(strings.TrimRightFunc(before, func(r rune) bool { return r < 0x80 && isWordByte(byte(r)) || r == '-' || r == '_' }))
		if word > 0 && word < len(before) && strings.IndexByte(" ,", before[word-1]) >= 0 {
			return word, value[word:]
		}
		next := strings.IndexByte(value[eq+1:], '=')
		if joined || next < 0 {
			break
		}
		eq += 1 + next
	}
	return -1, ""
}

// lowerTrim returns a name without what surrounds it, in lower case.
func lowerTrim(s string) string {
	return strings.ToLower(strings.TrimFunc(s, func(r rune) bool { return r > 0x7f || !isWordByte(byte(r)) }))
}

// values returns the different values of a tag, in order.
func (l *tagList) values(name string) (list []string) {
	for _, t := range l.tags {
		if t.name == name && !slices.Contains(list, t.value) {
			list = append(list, t.value)
		}
	}
	return list
}

// repeated returns the names that occur more than once.
func (l *tagList) repeated() (list []string) {
	count := map[string]int{}
	for _, t := range l.tags {
		if count[t.name]++; count[t.name] == 2 {
			list = append(list, t.name)
		}
	}
	return list
}

func joinTags(tags []tag) string {
	words := make([]string, len(tags))
	for i, t := range tags {
		words[i] = t.name + "=" + t.value
	}
	return strings.Join(words, "; ")
}
