package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

var _ counts.Reader = (*Reader)(nil)

// Top implements [counts.Reader].
func (r *Reader) Top(ctx context.Context, q counts.Query) (counts.Ranking, error) {
	out := counts.Ranking{Query: q, Lines: []counts.Line{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	out.Query, out.FormerSince = q, q.Since.Add(-q.Until.Sub(q.Since))
	none, err := r.readCounts(ctx, func(tx *sql.Tx) error { return rank(ctx, tx, &out) })
	out.Complete = out.Complete || none
	return out, err
}

// readCounts calls f with a transaction, since all that is read of the counts belongs together.
// If ctx ends meanwhile, the answer is not complete, which is no error. none is true if there
// are no counts yet.
func (r *Reader) readCounts(ctx context.Context, f func(*sql.Tx) error) (none bool, err error) {
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", stateName, err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	if err = f(tx); ctx.Err() != nil {
		err = nil
	}
	return false, err
}

// rank sets the answer to a query.
func rank(ctx context.Context, tx *sql.Tx, out *counts.Ranking) error {
	all, err := readCounted(ctx, tx)
	if err != nil {
		return err
	}
	q := &out.Query
	out.Oldest = all.oldest()
	if whole := all.roundDown(q.Until); !whole.Equal(q.Until) {
		q.Until = whole.Add(day)
	}
	q.Since = all.roundDown(q.Since)
	out.FormerSince = all.roundDown(q.Since.Add(-q.Until.Sub(q.Since)))
	present, former := all.between(tx, q.Since, q.Until), all.between(tx, out.FormerSince, q.Since)
	lists := present.lists(q.Kind, q.By)
	sums := map[string]counts.Sums{}
	best, err := counts.Rank(len(lists), q.Limit, func(i, n int) ([]counts.Ranked, error) { return lists[i](ctx, n) }, func(names []string) (map[string]int64, error) {
		some, err := present.sums(ctx, q.Kind, names)
		by := map[string]int64{}
		for name, s := range some {
			by[name], sums[name] = s[q.By], s
		}
		return by, err
	})
	if err != nil {
		return err
	}
	names := []string{counts.Other}
	for _, x := range best {
		names = append(names, x.Name)
	}
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := sums[name]; return ok })
	some, err := present.sums(ctx, q.Kind, unknown)
	if err != nil {
		return err
	}
	maps.Copy(sums, some)
	formerSums, err := former.sums(ctx, q.Kind, names)
	if err != nil {
		return err
	}
	var causes map[string]*cause
	if q.Kind == counts.Domain {
		if causes, err = present.causes(ctx, names[1:]); err != nil {
			return err
		}
	}
	out.Other = sums[counts.Other]
	for _, name := range names[1:] {
		hint, rule := causes[name].most()
		out.Lines = append(out.Lines, counts.Line{Name: name, Sums: sums[name], Former: formerSums[name], Hint: hint, Rule: rule})
	}
	if out.All, err = present.all(ctx); err != nil {
		return err
	}
	if out.Former, err = former.all(ctx); err != nil {
		return err
	}
	out.Missing, err = present.missing(ctx)
	out.Complete = err == nil
	return err
}

// sums returns the numbers of names, also those of the hours that are not over.
func (p *periods) sums(ctx context.Context, k counts.Kind, names []string) (map[string]counts.Sums, error) {
	all, err := p.of(ctx, k.String(), names)
	for i := range p.recent {
		for _, name := range names {
			some, sum := p.recent[i].Of(k, name), all[name]
			sum.Add(&some)
			all[name] = sum
		}
	}
	return all, err
}

// all returns the sums of all messages.
func (p *periods) all(ctx context.Context) (counts.Sums, error) {
	sums, err := p.of(ctx, kindAll, []string{nameAll})
	s := sums[nameAll]
	for i := range p.recent {
		some := p.recent[i].Sum()
		s.Add(&some)
	}
	return s, err
}

// missing returns the number of messages that could not be counted.
func (p *periods) missing(ctx context.Context) (n int64, err error) {
	for i := range p.recent {
		n += p.recent[i].Missing
	}
	err = p.each(func(table string, at []int64) error {
		var some int64
		err := p.tx.QueryRowContext(ctx, "SELECT coalesce(sum(missing), 0) FROM period WHERE length = ? AND at IN ("+join(at)+")", table).Scan(&some)
		n += some
		return err
	})
	return n, err
}

// list returns the first names of a period.
type list func(ctx context.Context, n int) ([]counts.Ranked, error)

// lists returns a list for each period.
func (p *periods) lists(k counts.Kind, by counts.Field) (all []list) {
	_ = p.each(func(table string, at []int64) error {
		query := fmt.Sprintf("SELECT name, %[1]s FROM %[2]s WHERE at = ? AND kind = ? AND %[1]s > 0 ORDER BY %[1]s DESC LIMIT ?", by, table)
		for _, at := range at {
			all = append(all, func(ctx context.Context, n int) ([]counts.Ranked, error) {
				return p.ranked(ctx, query, at, k.String(), n)
			})
		}
		return nil
	})
	for i := range p.recent {
		names := p.recent[i].Ranked(k, by)
		all = append(all, func(_ context.Context, n int) ([]counts.Ranked, error) { return names[:min(n, len(names))], nil })
	}
	return all
}

func (p *periods) ranked(ctx context.Context, query string, args ...any) (all []counts.Ranked, err error) {
	lines, err := p.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	err = eachLineOf(lines, func(lines *sql.Rows) error {
		var x counts.Ranked
		err := lines.Scan(&x.Name, &x.N)
		all = append(all, x)
		return err
	})
	return all, err
}

// cause has the messages of a domain that failed or were not plainly accepted.
type cause struct{ hints, rules map[string]int64 }

// causes returns the causes of domains.
func (p *periods) causes(ctx context.Context, names []string) (map[string]*cause, error) {
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
	query := "SELECT org, hint, rule, n FROM %[1]s_facts WHERE at IN (%[2]s) AND org IN (%[3]s)"
	err := p.eachLine(ctx, query, names, func(lines *sql.Rows) error {
		var org, hint, rule string
		var n int64
		err := lines.Scan(&org, &hint, &rule, &n)
		add(org, hint, rule, n)
		return err
	})
	for i := range p.recent {
		_ = p.recent[i].EachFacts(func(f counts.Facts, n int64) error {
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
