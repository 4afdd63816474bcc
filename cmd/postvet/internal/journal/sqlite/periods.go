package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

const day = 24 * time.Hour

// counted is what the state file has counted, in a transaction.
type counted struct{ tx *sql.Tx }

var _ counts.Source = counted{}

// Kept implements [counts.Source].
func (c counted) Kept(ctx context.Context) (*counts.Kept, error) {
	var of counts.KeptOf
	lines, err := c.tx.QueryContext(ctx, "SELECT length, at FROM period ORDER BY length, at")
	if err != nil {
		return nil, err
	}
	err = eachLineOf(lines, func(lines *sql.Rows) error {
		var length string
		var at int64
		err := lines.Scan(&length, &at)
		if counts.Table(length) == counts.HourTable {
			of.Hours = append(of.Hours, at)
		} else {
			of.Days = append(of.Days, at)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	k := &counts.Kept{Nodes: []counts.KeptOf{of}}
	k.Recent, err = c.recent(ctx)
	return k, err
}

// recent returns the hours that are not over.
func (c counted) recent(ctx context.Context) ([]counts.Hour, error) {
	parts, err := c.parts(ctx)
	if err != nil {
		return nil, err
	}
	return counts.Hours(parts)
}

// parts returns the parts of hours that are not over, in the order of writing.
func (c counted) parts(ctx context.Context) (parts []counts.Part, err error) {
	lines, err := c.tx.QueryContext(ctx, selectRecent)
	if err != nil {
		return nil, err
	}
	return parts, eachLineOf(lines, func(lines *sql.Rows) error {
		var at int64
		var octets []byte
		err := lines.Scan(&at, &octets)
		parts = append(parts, counts.Part{At: time.Unix(at, 0).UTC(), Octets: octets})
		return err
	})
}

// Ranked implements [counts.Source].
func (c counted) Ranked(ctx context.Context, p counts.Periods, k counts.Kind, by counts.Field, n int) (all [][]counts.Ranked, err error) {
	for _, table := range counts.Tables {
		query := fmt.Sprintf("SELECT name, %[1]s FROM %[2]s WHERE at = ? AND kind = ? AND %[1]s > 0 ORDER BY %[1]s DESC LIMIT ?", by, table)
		for _, period := range p[table] {
			lines, err := c.tx.QueryContext(ctx, query, period.At, k.String(), n)
			if err != nil {
				return nil, err
			}
			var list []counts.Ranked
			err = eachLineOf(lines, func(lines *sql.Rows) error {
				var x counts.Ranked
				err := lines.Scan(&x.Name, &x.N)
				list = append(list, x)
				return err
			})
			if err != nil {
				return nil, err
			}
			all = append(all, list)
		}
	}
	return all, nil
}

// namesAtOnce is how many names a statement asks for.
const namesAtOnce = 200

// eachLine calls f with the lines of a query, in which %[1]s is the table, %[2]s its
// periods, and %[3]s so many parameters as there are names.
func (c counted) eachLine(ctx context.Context, p counts.Periods, query string, names []string, f func(*sql.Rows) error) error {
	for _, table := range counts.Tables {
		if len(p[table]) == 0 {
			continue
		}
		for some := range slices.Chunk(names, namesAtOnce) {
			args := make([]any, len(some))
			for i, name := range some {
				args[i] = name
			}
			lines, err := c.tx.QueryContext(ctx, fmt.Sprintf(query, table, join(p[table]), strings.TrimPrefix(strings.Repeat(",?", len(some)), ",")), args...)
			if err != nil {
				return err
			}
			if err := eachLineOf(lines, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachLineOf calls f with each line, and closes them.
func eachLineOf(lines *sql.Rows, f func(*sql.Rows) error) error {
	defer lines.Close()
	for lines.Next() {
		if err := f(lines); err != nil {
			return err
		}
	}
	return lines.Err()
}

// sumOf is a list of sums of all fields.
var sumOf = func() string {
	var all []string
	for f := range counts.Fields {
		all = append(all, fmt.Sprintf("coalesce(sum(%s), 0)", f))
	}
	return strings.Join(all, ", ")
}()

// scanSums scans values and the numbers behind them.
func scanSums(lines *sql.Rows, s *counts.Sums, first ...any) error {
	for f := range s {
		first = append(first, &s[f])
	}
	return lines.Scan(first...)
}

// Sums implements [counts.Source].
func (c counted) Sums(ctx context.Context, p counts.Periods, of counts.Named, names []string) (map[string]counts.Sums, error) {
	all := map[string]counts.Sums{}
	query := "SELECT name, " + sumOf + " FROM %[1]s WHERE kind = '" + string(of) + "' AND at IN (%[2]s) AND name IN (%[3]s) GROUP BY name"
	err := c.eachLine(ctx, p, query, names, func(lines *sql.Rows) error {
		var name string
		var s counts.Sums
		err := scanSums(lines, &s, &name)
		sum := all[name]
		sum.Add(&s)
		all[name] = sum
		return err
	})
	return all, err
}

// Points implements [counts.Source]. The statement finds its rows one by one, whatever the
// table has.
func (c counted) Points(ctx context.Context, p counts.Periods, of counts.Named, name string, f func(at int64, s *counts.Sums)) error {
	query := "SELECT at, " + strings.Join(counts.FieldNames(), ", ") + " FROM %[1]s WHERE kind = '" + string(of) + "' AND at IN (%[2]s) AND name IN (%[3]s)"
	return c.eachLine(ctx, p, query, []string{name}, func(lines *sql.Rows) error {
		var at int64
		var s counts.Sums
		err := scanSums(lines, &s, &at)
		f(at, &s)
		return err
	})
}

// Causes implements [counts.Source].
func (c counted) Causes(ctx context.Context, p counts.Periods, orgs []string, f func(org, hint, rule string, n int64)) error {
	query := "SELECT org, hint, rule, n FROM %[1]s_facts WHERE at IN (%[2]s) AND org IN (%[3]s)"
	return c.eachLine(ctx, p, query, orgs, func(lines *sql.Rows) error {
		var org, hint, rule string
		var n int64
		err := lines.Scan(&org, &hint, &rule, &n)
		f(org, hint, rule, n)
		return err
	})
}

// Missing implements [counts.Source].
func (c counted) Missing(ctx context.Context, p counts.Periods) (n int64, err error) {
	for _, table := range counts.Tables {
		var some int64
		if err := c.tx.QueryRowContext(ctx, "SELECT coalesce(sum(missing), 0) FROM period WHERE length = ? AND at IN ("+join(p[table])+")", string(table)).Scan(&some); err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// join returns the beginnings of periods with commas between.
func join(all []counts.Period) string {
	var b []byte
	for i, p := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, p.At, 10)
	}
	return string(b)
}

// Bounded implements [counts.Source].
func (c counted) Bounded(ctx context.Context, until time.Time, f func(context.Context) error) error {
	if until.IsZero() {
		return f(ctx)
	}
	bounded, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := f(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return counts.ErrTime
	}
	return err
}
