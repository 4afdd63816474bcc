package oracles

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/message"
)

var (
	fromFields = flag.Int("fields", 3000, "generated From fields")
	fromSeed   = flag.Uint64("seed", 5322, "seed of the generated From fields; 0 is the day's")
)

// batchSize is how many fields a program is asked for at once.
const batchSize = 2000

// reading is what one reader takes for the author's domains in one field.
type reading struct {
	reader  *reader
	domains []string // sorted
}

// TestFrom holds the principle of policy/message against real programs: in each
// field that Postvet accepts with one author domain, no program reads another.
func TestFrom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the other implementations")
	}
	seed := *fromSeed
	if seed == 0 {
		seed = uint64(time.Now().Unix() / 86400)
	}
	t.Logf("%d fields, -seed=%d", *fromFields, seed)
	all := programs(t)
	s := newSummary(all)
	g := newGenerator(seed)
	for left := *fromFields; left > 0; left -= batchSize {
		fields := make([][]byte, min(left, batchSize))
		for i := range fields {
			fields[i] = g.field()
		}
		answers, err := readings(all, fields)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range fields {
			s.add(f, answers[i])
		}
	}
	s.print(t)
	for _, d := range shrunk(t, all, s.differences) {
		t.Errorf("%v", d)
	}
}

// readings asks all programs at once. It returns the readings of each field in
// the order of the readers.
func readings(all []program, fields [][]byte) ([][]reading, error) {
	found := make([][][][][]byte, len(all))
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { found[i], errs[i] = p.ask(fields) })
	}
	wg.Wait()
	answers := make([][]reading, len(fields))
	for i, p := range all {
		if errs[i] != nil {
			return nil, errs[i]
		}
		for j, answer := range found[i] {
			if len(answer) != len(p.readers) {
				return nil, fmt.Errorf("%s: %d readings of %d readers", p.readers[0].Name, len(answer), len(p.readers))
			}
			for k, addresses := range answer {
				answers[j] = append(answers[j], reading{&p.readers[k], domains(addresses)})
			}
		}
	}
	return answers, nil
}

// domains returns the domains of addresses, sorted, each once.
func domains(addresses [][]byte) []string {
	var all []string
	for _, a := range addresses {
		if d := domainOf(string(a)); d != "" {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// parse returns what Postvet reads in a field.
func parse(field []byte) message.Author {
	return message.ParseAuthor(message.Header{message.NewField("From", string(field))})
}

// differs reports whether a reader takes another domain than the author's.
func differs(r reading, author string) bool {
	return len(r.domains) > 0 && (len(r.domains) > 1 || r.domains[0] != author)
}

// difference is a field that Postvet accepts although a reader takes another
// domain.
type difference struct {
	field  []byte
	author string
	reading
}

func (d difference) String() string {
	return fmt.Sprintf("%q: Postvet reads %s, %s %s", d.field, d.author, d.reader.Name, strings.Join(d.domains, " and "))
}
