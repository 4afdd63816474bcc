package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
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
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		out.Complete = true
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // all that is read belongs together
	if err != nil {
		return out, err
	}
	defer func() { _ = tx.Rollback() }()
	if err = rank(ctx, tx, &out); ctx.Err() != nil {
		err = nil // the answer is not complete
	}
	return out, err
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
	best, err := counts.Rank(len(lists), q.Limit, func(i, n int) ([]counts.Ranked, error) { return lists[i](ctx, n) }, func(name string) (int64, error) {
		s, err := present.sums(ctx, q.Kind, name)
		sums[name] = s
		return s[q.By], err
	})
	if err != nil {
		return err
	}
	for _, x := range best {
		line := counts.Line{Name: x.Name, Sums: sums[x.Name]}
		if _, ok := sums[x.Name]; !ok {
			if line.Sums, err = present.sums(ctx, q.Kind, x.Name); err != nil {
				return err
			}
		}
		if line.Former, err = former.sums(ctx, q.Kind, x.Name); err != nil {
			return err
		}
		if q.Kind == counts.Domain {
			if line.Hint, line.Rule, err = present.cause(ctx, x.Name); err != nil {
				return err
			}
		}
		out.Lines = append(out.Lines, line)
	}
	if out.Other, err = present.sums(ctx, q.Kind, counts.Other); err != nil {
		return err
	}
	for p, s := range map[*periods]*counts.Sums{present: &out.All, former: &out.Former} {
		if *s, err = p.of(ctx, kindAll, nameAll); err != nil {
			return err
		}
		for i := range p.recent {
			sum := p.recent[i].Sum()
			s.Add(&sum)
		}
	}
	out.Missing, err = present.missing(ctx)
	out.Complete = err == nil
	return err
}

// sums returns the numbers of a name, also those of the hours that are not over.
func (p *periods) sums(ctx context.Context, k counts.Kind, name string) (counts.Sums, error) {
	s, err := p.of(ctx, k.String(), name)
	for i := range p.recent {
		some := p.recent[i].Of(k, name)
		s.Add(&some)
	}
	return s, err
}

// missing returns the number of messages that could not be counted.
func (p *periods) missing(ctx context.Context) (n int64, err error) {
	for i := range p.recent {
		n += p.recent[i].Missing
	}
	p.each(func(table string, at []int64) {
		if err == nil {
			var some int64
			err = p.tx.QueryRowContext(ctx, "SELECT coalesce(sum(missing), 0) FROM period WHERE length = ? AND at IN ("+join(at)+")", table).Scan(&some)
			n += some
		}
	})
	return n, err
}

// list returns the first names of a period.
type list func(ctx context.Context, n int) ([]counts.Ranked, error)

// lists returns a list for each period.
func (p *periods) lists(k counts.Kind, by counts.Field) (all []list) {
	p.each(func(table string, at []int64) {
		query := fmt.Sprintf("SELECT name, %[1]s FROM %[2]s WHERE at = ? AND kind = ? AND %[1]s > 0 ORDER BY %[1]s DESC LIMIT ?", by, table)
		for _, at := range at {
			all = append(all, func(ctx context.Context, n int) ([]counts.Ranked, error) {
				return p.ranked(ctx, query, at, k.String(), n)
			})
		}
	})
	for i := range p.recent {
		names := p.recent[i].Ranked(k, by)
		all = append(all, func(_ context.Context, n int) ([]counts.Ranked, error) { return names[:min(n, len(names))], nil })
	}
	return all
}

func (p *periods) ranked(ctx context.Context, query string, args ...any) (all []counts.Ranked, err error) {
	stmt, err := p.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	lines, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	for lines.Next() {
		var x counts.Ranked
		if err := lines.Scan(&x.Name, &x.N); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, lines.Err()
}

// cause returns the hint and the rule of most messages of a domain that failed or were not
// plainly accepted.
func (p *periods) cause(ctx context.Context, org string) (hint, rule string, err error) {
	hints, rules := map[string]int64{}, map[string]int64{}
	add := func(hint, rule string, n int64) {
		hints[hint] += n
		rules[rule] += n
	}
	p.each(func(table string, at []int64) {
		if err != nil {
			return
		}
		var stmt *sql.Stmt
		if stmt, err = p.prepared(ctx, "SELECT hint, rule, n FROM "+table+"_facts WHERE org = ? AND at IN ("+join(at)+")"); err != nil {
			return
		}
		lines, queryErr := stmt.QueryContext(ctx, org)
		if err = queryErr; err != nil {
			return
		}
		defer lines.Close()
		for lines.Next() {
			var hint, rule string
			var n int64
			if err = lines.Scan(&hint, &rule, &n); err != nil {
				return
			}
			add(hint, rule, n)
		}
		err = lines.Err()
	})
	for i := range p.recent {
		_ = p.recent[i].EachFacts(func(f counts.Facts, n int64) error {
			if f.Org == org {
				add(f.Hint, f.Rule, n)
			}
			return nil
		})
	}
	return most(hints), most(rules), err
}

// most returns the name with the highest number; "" for none.
func most(all map[string]int64) string {
	var names []counts.Ranked
	for name, n := range all {
		names = append(names, counts.Ranked{Name: name, N: n})
	}
	if len(names) == 0 {
		return ""
	}
	return slices.MaxFunc(names, func(a, b counts.Ranked) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(b.Name, a.Name))
	}).Name
}
