package opendkim

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/message"
)

// signingTable says which keys sign for which authors. Plain tables are searched in a
// fixed order, those of patterns from top to bottom.
type signingTable struct {
	rows []signingRow
	// exact are the rows whose patterns have no "*", below those with "*@" in front of
	// a domain without one. globs are the others.
	exact, below map[string][]int32
	globs        []int32
	patterns     bool
}

// signingRow is a line of the table.
type signingRow struct {
	pattern string // in lower case
	key     string // the name of the key in lower case, "%" for the author's domain
	line    int32
	// everybody is true if the pattern fits authors of domains without a common owner.
	everybody bool
}

const signingRemedy = `write a line such as "*@example.org mail" with the name of a key in the KeyTable`

// readSigning reads the SigningTable.
func readSigning(s source, faults *Faults) *signingTable {
	t := &signingTable{exact: map[string][]int32{}, below: map[string][]int32{}, patterns: s.pattern}
	err := s.rows(func(r row) {
		key, _, _ := strings.Cut(r.value, ":") // behind it is i=, which Postvet does not set
		key = strings.TrimSpace(key)
		pattern := strings.ToLower(r.key)
		switch {
		case key == "":
			faults.add(s, r.line, cite(r.key)+" has no name of a key behind it", signingRemedy)
			return
		case !s.pattern && strings.Contains(strings.TrimSuffix(strings.TrimSuffix(pattern, "@*"), "*"), "*"),
			!s.pattern && pattern != "*" && strings.HasSuffix(pattern, "*") && !strings.HasSuffix(pattern, "@*"):
			faults.add(s, r.line, cite(r.key)+" is a pattern, which fits nothing in a plain table", `write "refile:" in front of the path in signing_table, or the name without "*"`)
			return
		}
		t.add(signingRow{pattern: normalize(pattern), key: strings.ToLower(key), line: int32(r.line), everybody: fitsEverybody(pattern)})
	})
	if err != nil {
		faults.add(s, 0, "the SigningTable cannot be read: "+err.Error(), "name a readable file")
	}
	return t
}

func (t *signingTable) add(r signingRow) {
	i := int32(len(t.rows))
	t.rows = append(t.rows, r)
	domain, below := strings.CutPrefix(r.pattern, "*@")
	switch {
	case !t.patterns || !strings.Contains(r.pattern, "*"):
		t.exact[r.pattern] = append(t.exact[r.pattern], i)
	case below && !strings.Contains(domain, "*"):
		t.below[domain] = append(t.below[domain], i)
	default:
		t.globs = append(t.globs, i)
	}
}

// normalize turns the domain of a pattern into A-labels, if it is a whole name.
func normalize(pattern string) string {
	at := strings.LastIndexByte(pattern, '@')
	head, name := pattern[:at+1], pattern[at+1:]
	dot := strings.HasPrefix(name, ".")
	if domain, ok := message.NormalizeDomain(strings.TrimPrefix(name, ".")); ok && !strings.Contains(name, "*") {
		if dot {
			domain = "." + domain
		}
		return head + domain
	}
	return pattern
}

// fitsEverybody reports whether a pattern fits authors in domains of different owners.
func fitsEverybody(pattern string) bool {
	domain := pattern[strings.LastIndexByte(pattern, '@')+1:]
	star := strings.LastIndexByte(domain, '*')
	if star < 0 {
		return false
	}
	// What follows the last star must be a dot and a name that has one owner.
	below, dotted := strings.CutPrefix(domain[star+1:], ".")
	if !dotted || below == "" {
		return true
	}
	suffix, _ := publicsuffix.PublicSuffix(below)
	return suffix == below
}

// find returns the rows for an author in the order of opendkim. Without a local part,
// rows for single addresses do not count.
func (t *signingTable) find(author message.Mailbox) []signingRow {
	local := strings.ToLower(author.Local)
	var found []int32
	if t.patterns {
		address := local + "@" + author.Domain
		found = slices.Concat(t.exact[address], t.below[author.Domain])
		for _, i := range t.globs {
			if fits(t.rows[i].pattern, address) {
				found = append(found, i)
			}
		}
		slices.Sort(found)
	} else {
		for _, name := range searched(local, author.Domain) {
			// The first line of a name counts.
			if list := t.exact[name]; len(list) > 0 {
				found = append(found, list[0])
			}
		}
	}
	rows := make([]signingRow, len(found))
	for i, n := range found {
		rows[i] = t.rows[n]
	}
	return rows
}

// searched returns the names under which an author may stand in a plain table, in order.
func searched(local, domain string) []string {
	var names []string
	both := func(d string) {
		if local != "" {
			names = append(names, local+"@"+d)
		}
		if d != "*" {
			names = append(names, d)
		}
	}
	both(domain)
	for rest := domain; ; {
		i := strings.IndexByte(rest[1:], '.')
		if i < 0 {
			break
		}
		rest = rest[1+i:]
		both(rest)
	}
	both("*")
	return append(names, "*")
}

// fits reports whether a text fits a pattern, in which each "*" stands for any text.
func fits(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, head)
	for ok {
		if head, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(text, head)
		}
		_, text, ok = strings.Cut(text, head)
	}
	return false
}
