package counts

import (
	"context"
	"errors"
	"time"
)

// RankIn answers a query from a source. The query must have been checked.
func RankIn(ctx context.Context, from Source, q Query) (Ranking, error) {
	began := time.Now()
	out := Ranking{Query: q, Lines: []Line{}}
	kept, err := from.Kept(ctx)
	if err != nil {
		return out, err
	}
	out.Oldest, out.Nodes, out.Silent = kept.oldest(DayTable), kept.Names, kept.Silent
	if whole := kept.roundDown(q.Until); !whole.Equal(q.Until) {
		q.Until = whole.Add(day)
	}
	q.Since = kept.roundDown(q.Since)
	out.Query = q
	none := out // the answer if reading fails
	r := &ranker{from: from, query: q, kept: kept}
	var ranked, compared time.Time // the times at which these steps end
	if within := q.Within; within > 0 {
		if end, ok := ctx.Deadline(); ok {
			within = min(within, end.Sub(began)*4/5)
		}
		ranked, compared = began.Add(within*2/3), began.Add(within)
	}
	best, since, err := r.rank(ctx, ranked)
	if err != nil {
		return out, err
	}
	out.Complete = since.Equal(q.Since)
	out.FormerSince = kept.roundDown(since.Add(-q.Until.Sub(since)))
	if err := out.number(ctx, r, best); err != nil {
		return none, err
	}
	former := kept.between(out.FormerSince, since)
	switch err := from.Bounded(ctx, compared, func(ctx context.Context) error { return out.compare(ctx, r, former) }); {
	case errors.Is(err, ErrTime):
		out.Complete, out.FormerSince = false, time.Time{}
	case err != nil:
		return none, err
	}
	if !out.Complete {
		out.Searched = since
	}
	return out, nil
}

// number sets the lines of names that were ranked, and the numbers of all messages.
func (out *Ranking) number(ctx context.Context, r *ranker, best []Ranked) error {
	names := []string{Other}
	for _, x := range best {
		names = append(names, x.Name)
	}
	sums, err := r.sums(ctx, names)
	if err != nil {
		return err
	}
	out.Other = sums[Other]
	for _, name := range names[1:] {
		out.Lines = append(out.Lines, Line{Name: name, Sums: sums[name]})
	}
	present := r.span()
	if out.All, err = present.all(ctx, r.from); err != nil {
		return err
	}
	out.Missing, err = present.missing(ctx, r.from)
	return err
}

// compare sets what there was in the time before, and the causes of domains.
func (out *Ranking) compare(ctx context.Context, r *ranker, former *span) error {
	names := []string{}
	for _, l := range out.Lines {
		names = append(names, l.Name)
	}
	var causes map[string]*cause
	var err error
	if out.Query.Kind == Domain {
		if causes, err = r.span().causes(ctx, r.from, names); err != nil {
			return err
		}
	}
	for i := range out.Lines {
		l := &out.Lines[i]
		l.Hint, l.Rule = causes[l.Name].most()
	}
	sums, err := former.sums(ctx, r.from, out.Query.Kind, names)
	if err != nil {
		return err
	}
	all, err := former.all(ctx, r.from)
	if err != nil {
		return err
	}
	out.Former = all
	for i := range out.Lines {
		out.Lines[i].Former = sums[out.Lines[i].Name]
	}
	return nil
}

// SeriesIn answers a query from a source. The query must have been checked.
func SeriesIn(ctx context.Context, from Source, q SeriesQuery) (Series, error) {
	out := Series{Query: q, Points: []Point{}}
	kept, err := from.Kept(ctx)
	if err != nil {
		return out, err
	}
	out.Oldest, out.Nodes, out.Silent = kept.oldest(DayTable), kept.Names, kept.Silent
	table := HourTable
	if q.Step >= day {
		table = DayTable
	}
	out.begin(kept.oldest(table))
	s := kept.steps(table, q.Since, q.Until)
	for i := range s.recent {
		h := &s.recent[i]
		sums := h.Sum()
		if q.Name != "" {
			sums = h.of(q.Kind, q.Name)
		}
		out.add(h.At, &sums)
	}
	of, name := AllMail, AllName
	if q.Name != "" {
		of, name = Named(q.Kind.String()), q.Name
	}
	err = from.Points(ctx, s.periods, of, name, func(at int64, sums *Sums) { out.add(timeOf(at), sums) })
	out.Complete = err == nil
	return out, err
}

// ranked returns the first n names of each period, also of the hours that are not over.
func (s *span) ranked(ctx context.Context, from Source, k Kind, by Field, n int) ([][]Ranked, error) {
	lists, err := from.Ranked(ctx, s.periods, k, by, n)
	for i := range s.recent {
		all := s.recent[i].ranked(k, by)
		lists = append(lists, all[:min(n, len(all))])
	}
	return lists, err
}

// sums returns the numbers of names, also those of the hours that are not over.
func (s *span) sums(ctx context.Context, from Source, k Kind, names []string) (map[string]Sums, error) {
	all, err := from.Sums(ctx, s.periods, Named(k.String()), names)
	if err != nil {
		return nil, err
	}
	for i := range s.recent {
		for _, name := range names {
			some, sum := s.recent[i].of(k, name), all[name]
			sum.Add(&some)
			all[name] = sum
		}
	}
	return all, nil
}

// all returns the sums of all messages.
func (s *span) all(ctx context.Context, from Source) (Sums, error) {
	sums, err := from.Sums(ctx, s.periods, AllMail, []string{AllName})
	sum := sums[AllName]
	for i := range s.recent {
		some := s.recent[i].Sum()
		sum.Add(&some)
	}
	return sum, err
}

// missing returns the number of messages that could not be counted.
func (s *span) missing(ctx context.Context, from Source) (int64, error) {
	n, err := from.Missing(ctx, s.periods)
	for i := range s.recent {
		n += s.recent[i].Missing
	}
	return n, err
}

// cause has the messages of a domain that failed or were not plainly accepted.
type cause struct{ hints, rules map[string]int64 }

// causes returns the causes of domains.
func (s *span) causes(ctx context.Context, from Source, names []string) (map[string]*cause, error) {
	all := map[string]*cause{}
	for _, name := range names {
		all[name] = &cause{map[string]int64{}, map[string]int64{}}
	}
	add := func(org, hint, rule string, n int64) {
		if c := all[org]; c != nil {
			c.hints[hint] += n
			c.rules[rule] += n
		}
	}
	err := from.Causes(ctx, s.periods, names, add)
	for i := range s.recent {
		_ = s.recent[i].EachFacts(func(f Facts, n int64) error {
			add(f.Org, f.Hint, f.Rule, n)
			return nil
		})
	}
	return all, err
}

// most returns the hint and the rule of most messages.
func (c *cause) most() (hint, rule string) {
	if c == nil {
		return "", ""
	}
	return mostOf(c.hints), mostOf(c.rules)
}

// mostOf returns the name with the highest number; "" for none.
func mostOf(all map[string]int64) (name string) {
	var most int64
	for s, n := range all {
		if n > most || n == most && s < name {
			name, most = s, n
		}
	}
	return name
}
