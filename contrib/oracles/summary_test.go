package oracles

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// count is one row of the table.
type count struct{ fields, same, refused, excepted, differ int }

// kind is a kind of field that Postvet refuses although all readers agree.
type kind struct {
	count   int
	example []byte // the shortest
}

// summary counts what came of the fields.
type summary struct {
	readers     []*reader
	counts      map[*reader]*count
	exceptions  map[string]int
	accepted    int
	differences []difference
	strict      map[string]*kind // by the problem
	agreed      int              // fields where all that answer agree
}

func newSummary(all []program) *summary {
	s := &summary{counts: map[*reader]*count{}, exceptions: map[string]int{}, strict: map[string]*kind{}}
	for i := range all {
		for j := range all[i].readers {
			r := &all[i].readers[j]
			s.readers, s.counts[r] = append(s.readers, r), &count{}
		}
	}
	return s
}

// add counts a field.
func (s *summary) add(field []byte, readings []reading) {
	author := parse(field)
	if !author.Ambiguous() {
		s.accepted++
	}
	var read []string
	answered := 0
	for _, r := range readings {
		c := s.counts[r.reader]
		c.fields++
		if len(r.domains) == 0 {
			continue
		}
		answered++
		read = append(read, r.domains...)
		switch {
		case author.Ambiguous():
			c.refused++
		case !differs(r, author.Domain):
			c.same++
		default:
			d := difference{field, author.Domain, r}
			if e := excepted(d); e != "" {
				c.excepted++
				s.exceptions[e]++
				continue
			}
			c.differ++
			s.differences = append(s.differences, d)
		}
	}
	slices.Sort(read)
	if read = slices.Compact(read); len(read) != 1 || answered < len(readings)/3 {
		return
	}
	s.agreed++
	if author.Ambiguous() {
		k := s.strict[author.Problem]
		if k == nil {
			k = &kind{example: field}
			s.strict[author.Problem] = k
		}
		k.count++
		if len(field) < len(k.example) {
			k.example = field
		}
	}
}

// print writes the tables into the test's log.
func (s *summary) print(t *testing.T) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "reader\tversion\tfields\tsame domain\trefused by Postvet\texcepted\tdiffering\n")
	for _, r := range s.readers {
		c := s.counts[r]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", r.Name, r.Version, c.fields, c.same, c.refused, c.excepted, c.differ)
	}
	fmt.Fprintf(w, "\nexception\treadings\n")
	for _, e := range exceptions {
		fmt.Fprintf(w, "%s\t%d\n", e.name, s.exceptions[e.name])
	}
	fmt.Fprintf(w, "\nrefused although all agree\tfields\tshortest\n")
	for _, problem := range slices.SortedFunc(maps.Keys(s.strict), func(a, b string) int {
		return cmp.Or(s.strict[b].count-s.strict[a].count, strings.Compare(a, b))
	}) {
		k := s.strict[problem]
		fmt.Fprintf(w, "%s\t%d\t%.150q\n", problem, k.count, k.example)
	}
	_ = w.Flush() // a Builder never fails
	t.Logf("%d accepted with one domain; all that answer agree on %d\n%s", s.accepted, s.agreed, &b)
}
