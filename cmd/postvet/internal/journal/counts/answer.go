package counts

import (
	"context"
	"maps"
	"slices"
)

// RankIn answers a query from a source. The query must have been checked.
func RankIn(ctx context.Context, from Source, q Query) (Ranking, error) {
	out := Ranking{Query: q, FormerSince: q.Since.Add(-q.Until.Sub(q.Since)), Lines: []Line{}}
	kept, err := from.Kept(ctx)
	if err != nil {
		return out, err
	}
	out.Oldest, out.Nodes = kept.Oldest(), kept.Names
	if whole := kept.roundDown(q.Until); !whole.Equal(q.Until) {
		q.Until = whole.Add(day)
	}
	q.Since = kept.roundDown(q.Since)
	out.Query, out.FormerSince = q, kept.roundDown(q.Since.Add(-q.Until.Sub(q.Since)))
	present, former := kept.between(q.Since, q.Until), kept.between(out.FormerSince, q.Since)
	sums := map[string]Sums{}
	best, err := Rank(q.Limit, present.ranked(ctx, from, q.Kind, q.By), func(names []string) (map[string]int64, error) {
		some, err := present.sums(ctx, from, q.Kind, names)
		by := map[string]int64{}
		for name, s := range some {
			by[name], sums[name] = s[q.By], s
		}
		return by, err
	})
	if err != nil {
		return out, err
	}
	names := []string{Other}
	for _, x := range best {
		names = append(names, x.Name)
	}
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := sums[name]; return ok })
	some, err := present.sums(ctx, from, q.Kind, unknown)
	if err != nil {
		return out, err
	}
	maps.Copy(sums, some)
	formerSums, err := former.sums(ctx, from, q.Kind, names)
	if err != nil {
		return out, err
	}
	var causes map[string]*cause
	if q.Kind == Domain {
		if causes, err = present.causes(ctx, from, names[1:]); err != nil {
			return out, err
		}
	}
	out.Other = sums[Other]
	for _, name := range names[1:] {
		hint, rule := causes[name].most()
		out.Lines = append(out.Lines, Line{Name: name, Sums: sums[name], Former: formerSums[name], Hint: hint, Rule: rule})
	}
	if out.All, err = present.all(ctx, from); err != nil {
		return out, err
	}
	if out.Former, err = former.all(ctx, from); err != nil {
		return out, err
	}
	out.Missing, err = present.missing(ctx, from)
	out.Complete = err == nil
	return out, err
}

// SeriesIn answers a query from a source. The query must have been checked.
func SeriesIn(ctx context.Context, from Source, q SeriesQuery) (Series, error) {
	out := Series{Query: q, Points: []Point{}}
	kept, err := from.Kept(ctx)
	if err != nil {
		return out, err
	}
	out.Oldest, out.Nodes = kept.Oldest(), kept.Names
	table := HourTable
	if q.Step >= day {
		table = DayTable
	}
	out.Begin(kept.oldestOf(table))
	s := kept.steps(table, q.Since, q.Until)
	for i := range s.recent {
		h := &s.recent[i]
		sums := h.Sum()
		if q.Name != "" {
			sums = h.Of(q.Kind, q.Name)
		}
		out.Add(h.At, &sums)
	}
	of, name := AllMail, AllName
	if q.Name != "" {
		of, name = Named(q.Kind.String()), q.Name
	}
	err = from.Points(ctx, s.periods, of, name, func(at int64, sums *Sums) { out.Add(timeOf(at), sums) })
	out.Complete = err == nil
	return out, err
}

// ranked returns what [Rank] reads: a list for each period, also of the hours that are not
// over.
func (s *span) ranked(ctx context.Context, from Source, k Kind, by Field) func(n int) ([][]Ranked, error) {
	var recent [][]Ranked
	for i := range s.recent {
		recent = append(recent, s.recent[i].Ranked(k, by))
	}
	return func(n int) ([][]Ranked, error) {
		lists, err := from.Ranked(ctx, s.periods, k, by, n)
		for _, all := range recent {
			lists = append(lists, all[:min(n, len(all))])
		}
		return lists, err
	}
}

// sums returns the numbers of names, also those of the hours that are not over.
func (s *span) sums(ctx context.Context, from Source, k Kind, names []string) (map[string]Sums, error) {
	all, err := from.Sums(ctx, s.periods, Named(k.String()), names)
	if err != nil {
		return nil, err
	}
	for i := range s.recent {
		for _, name := range names {
			some, sum := s.recent[i].Of(k, name), all[name]
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
