package oracles

import (
	"slices"
	"testing"
	"time"
)

// Bounds on shrinking: differences of one reader, fields tried for each, and the
// time of all.
const (
	maxShrunk  = 3
	maxTries   = 1500
	shrinkTime = time.Minute
)

// shrunk returns the smallest forms of some differences of each reader, each
// field once.
func shrunk(t *testing.T, all []program, differences []difference) []difference {
	t.Helper()
	begun, done := map[string]bool{}, map[string]bool{}
	perReader := map[*reader]int{}
	var small []difference
	slices.SortStableFunc(differences, func(a, b difference) int { return len(a.field) - len(b.field) })
	for end := time.Now().Add(shrinkTime); len(differences) > 0; differences = differences[1:] {
		d := differences[0]
		if perReader[d.reader] >= maxShrunk || begun[string(d.field)] {
			continue
		}
		begun[string(d.field)] = true
		if time.Now().Before(end) {
			var err error
			if d, err = shrink(all, d); err != nil {
				t.Fatal(err)
			}
		}
		if perReader[d.reader]++; !done[string(d.field)] {
			done[string(d.field)] = true
			small = append(small, d)
		}
	}
	return small
}

// shrink removes parts of a field as long as Postvet and the reader still take
// the same domains.
func shrink(all []program, d difference) (difference, error) {
	size := (len(d.field) + 1) / 2
	for tried := 0; tried < maxTries; {
		var tries [][]byte
		for at := 0; at < len(d.field) && len(tries) < maxTries; at += size {
			tries = append(tries, slices.Delete(slices.Clone(d.field), at, min(at+size, len(d.field))))
		}
		tried += len(tries)
		smaller, err := firstLike(all, tries, d)
		switch {
		case err != nil:
			return d, err
		case smaller != nil:
			d = *smaller
			size = max(1, min(size, len(d.field)/2))
		case size == 1:
			return d, nil
		default:
			size /= 2
		}
	}
	return d, nil
}

// firstLike returns the first of the fields in which Postvet and the reader take
// the same domains as in the one of the difference; nil if there is none.
func firstLike(all []program, fields [][]byte, d difference) (*difference, error) {
	i := slices.IndexFunc(all, func(p program) bool {
		return slices.ContainsFunc(p.readers, func(r reader) bool { return r == *d.reader })
	})
	answers, err := readings(all[i:i+1], fields)
	if err != nil {
		return nil, err
	}
	for j, field := range fields {
		author := parse(field)
		if author.Ambiguous() || author.Domain != d.author {
			continue
		}
		for _, r := range answers[j] {
			if like := (difference{field, author.Domain, r}); *r.reader == *d.reader && slices.Equal(r.domains, d.domains) && excepted(like) == "" {
				return &like, nil
			}
		}
	}
	return nil, nil
}
