package counts

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrTime is the error of a source whose time was over.
var ErrTime = errors.New("counts: the time was over")

// ranker ranks names by the parts of a time, the newest first, for as long as it may. It keeps what
// it read of a part, so that a ranking of one more part reads only that one, and the names that were
// not seen before.
type ranker struct {
	from  Source
	query Query
	kept  *Kept
	parts []*part // those that were read
}

// part is a part of a time, with what was read of it.
type part struct {
	span  *span
	since time.Time
	lists map[int][][]Ranked // by how many names were asked for
	sums  map[string]Sums
}

// partsOf returns where the parts of a time begin, the newest first: each begins at midnight and
// is twice as long as the newer one, so that a day that is kept as a whole is in one of them.
func partsOf(since, until time.Time) (all []time.Time) {
	length := day
	for at := until.Add(-1).Truncate(day); at.After(since); at = at.Add(-length) {
		if all = append(all, at); len(all) > 1 {
			length *= 2
		}
	}
	return append(all, since)
}

// rank returns the names with the highest numbers, and since when they were counted: since the
// beginning of the query, or for as long as could be read until a time. A zero time is no bound.
func (r *ranker) rank(ctx context.Context, until time.Time) (best []Ranked, since time.Time, err error) {
	q := r.query
	if until.IsZero() {
		best, err = r.rankPart(ctx, q.Since, q.Until)
		return best, q.Since, err
	}
	since = q.Until
	for _, at := range partsOf(q.Since, q.Until) {
		var more []Ranked
		err := r.from.Bounded(ctx, until, func(ctx context.Context) (err error) {
			more, err = r.rankPart(ctx, at, since)
			return err
		})
		if errors.Is(err, ErrTime) {
			r.parts = slices.DeleteFunc(r.parts, func(p *part) bool { return p.since.Equal(at) })
			return best, since, nil
		}
		if err != nil {
			return nil, since, err
		}
		best, since = more, at
	}
	return best, since, nil
}

// rankPart ranks names by what is counted in one more part.
func (r *ranker) rankPart(ctx context.Context, since, until time.Time) ([]Ranked, error) {
	r.parts = append(r.parts, &part{span: r.kept.between(since, until), since: since, lists: map[int][][]Ranked{}, sums: map[string]Sums{}})
	read := func(n int) (all [][]Ranked, err error) {
		for _, p := range r.parts {
			if _, ok := p.lists[n]; !ok {
				if p.lists[n], err = p.span.ranked(ctx, r.from, r.query.Kind, r.query.By, n); err != nil {
					delete(p.lists, n)
					return nil, err
				}
			}
			all = append(all, p.lists[n]...)
		}
		return all, nil
	}
	return rank(r.query.Limit, read, func(names []string) (map[string]int64, error) {
		by := map[string]int64{}
		sums, err := r.sums(ctx, names)
		for name, s := range sums {
			by[name] = s[r.query.By]
		}
		return by, err
	})
}

// sums returns the numbers of names over all parts that were read.
func (r *ranker) sums(ctx context.Context, names []string) (map[string]Sums, error) {
	all := map[string]Sums{}
	for _, p := range r.parts {
		unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := p.sums[name]; return ok })
		if len(unknown) > 0 {
			some, err := p.span.sums(ctx, r.from, r.query.Kind, unknown)
			if err != nil {
				return nil, err
			}
			for _, name := range unknown {
				p.sums[name] = some[name]
			}
		}
		for _, name := range names {
			sum, some := all[name], p.sums[name]
			sum.Add(&some)
			all[name] = sum
		}
	}
	return all, nil
}

// span returns all that was ranked.
func (r *ranker) span() *span {
	all := &span{periods: Periods{}}
	for _, p := range r.parts {
		for table, some := range p.span.periods {
			all.periods[table] = append(all.periods[table], some...)
		}
		all.recent = append(all.recent, p.span.recent...)
	}
	return all
}
