package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

var _ counts.Reader = (*Reader)(nil)

// Top implements [counts.Reader].
func (r *Reader) Top(ctx context.Context, q counts.Query) (counts.Ranking, error) {
	out := counts.Ranking{Query: q, Lines: []counts.Line{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	err := r.readCounts(ctx, q.Node, func(ctx context.Context, c *counted) (err error) {
		out, err = counts.RankIn(ctx, c, q)
		return err
	})
	return out, err
}

// Series implements [counts.Reader].
func (r *Reader) Series(ctx context.Context, q counts.SeriesQuery) (counts.Series, error) {
	out := counts.Series{Query: q, Points: []counts.Point{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	err := r.readCounts(ctx, q.Node, func(ctx context.Context, c *counted) (err error) {
		out, err = counts.SeriesIn(ctx, c, q)
		return err
	})
	return out, err
}

// readCounts calls f with the counts as they are at one moment. If the server stops a query
// for its time, the answer is not complete, which is no error. A server that does not answer
// is one.
func (r *Reader) readCounts(ctx context.Context, node string, f func(context.Context, *counted) error) error {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(time.Minute)
	}
	conn, done, err := r.Database.acquire(ctx)
	if err != nil {
		return err
	}
	defer done()
	// The server stops a moment before we do. Behind a pool of connections, nothing may stay set.
	c := &counted{conn: conn, node: node, end: time.Now().Add(time.Until(end) * 9 / 10)}
	if err := do(ctx, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+timeout(c.end)); err != nil {
		return fault(err)
	}
	defer func() { _ = rollBack(ctx, conn) }()
	if err := f(ctx, c); err != nil && !isOutOfTime(err) {
		return fault(err)
	}
	return nil
}

// counted is what the nodes have counted, in a transaction: all of them, or one of a name.
type counted struct {
	conn *pgx.Conn
	node string
	// end is when the server stops a statement, and until when it does so before, if it is
	// not zero.
	end, until time.Time
}

var _ counts.Source = (*counted)(nil)

// timeout is the statement by which the server stops others at a time.
func timeout(at time.Time) string {
	return fmt.Sprintf("SET LOCAL statement_timeout = %d", max(1, time.Until(at).Milliseconds()))
}

// Bounded implements [counts.Source]. The savepoint is where the transaction goes on once the
// server has stopped a statement.
func (c *counted) Bounded(ctx context.Context, until time.Time, f func(context.Context) error) error {
	if until.IsZero() || until.After(c.end) {
		return f(ctx)
	}
	if err := do(ctx, c.conn, "SAVEPOINT bounded"); err != nil {
		return err
	}
	c.until = until
	err := f(ctx)
	c.until = time.Time{}
	if errors.Is(err, counts.ErrTime) || isOutOfTime(err) {
		return cmp.Or(do(ctx, c.conn, "ROLLBACK TO SAVEPOINT bounded; "+timeout(c.end)), counts.ErrTime)
	}
	if err != nil {
		return err
	}
	return do(ctx, c.conn, "RELEASE SAVEPOINT bounded; "+timeout(c.end))
}

// query sends a query, which the server stops when its time is over.
func (c *counted) query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if !c.until.IsZero() {
		if !time.Now().Before(c.until) {
			return nil, counts.ErrTime
		}
		if err := do(ctx, c.conn, timeout(c.until)); err != nil {
			return nil, err
		}
	}
	return c.conn.Query(ctx, query, args...)
}

// Kept implements [counts.Source]. An hour that is not over has a period as any other; see
// [Shipper.sendRecent].
func (c *counted) Kept(ctx context.Context) (*counts.Kept, error) {
	k := &counts.Kept{Names: []string{}}
	lines, err := c.query(ctx, `SELECT name, seen, seen < clock_timestamp() - $2 * interval '1 s' FROM postvet.node AS n
		WHERE EXISTS (SELECT FROM postvet.counted WHERE node = n.id) OR EXISTS (SELECT FROM postvet.period WHERE node = n.id) ORDER BY name LIMIT $1`,
		maxNodes, int(counts.SilentAfter.Seconds()))
	if err != nil {
		return nil, err
	}
	var name string
	var seen time.Time
	var silent bool
	_, err = pgx.ForEachRow(lines, []any{&name, &seen, &silent}, func() error {
		k.Names = append(k.Names, name)
		if silent {
			k.Silent = append(k.Silent, counts.Silent{Node: name, Since: seen.UTC()})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	lines, err = c.query(ctx, `SELECT node, length, at FROM postvet.period
		WHERE $1 = '' OR node = (SELECT id FROM postvet.node WHERE name = $1) ORDER BY node, length, at`, harmless(c.node))
	if err != nil {
		return nil, err
	}
	var node int32
	var length string
	var at time.Time
	_, err = pgx.ForEachRow(lines, []any{&node, &length, &at}, func() error {
		if n := len(k.Nodes); n == 0 || k.Nodes[n-1].Node != node {
			k.Nodes = append(k.Nodes, counts.KeptOf{Node: node})
		}
		of := &k.Nodes[len(k.Nodes)-1]
		if counts.Table(length) == counts.HourTable {
			of.Hours = append(of.Hours, at.Unix())
		} else {
			of.Days = append(of.Days, at.Unix())
		}
		return nil
	})
	return k, err
}

// split returns periods as the parameters $1 and $2 of a statement.
func split(all []counts.Period) (at []time.Time, nodes []int32) {
	for _, p := range all {
		at, nodes = append(at, time.Unix(p.At, 0).UTC()), append(nodes, p.Node)
	}
	return at, nodes
}

// each calls f with the lines of a query in each table with some of the periods. In it, %[1]s
// is the table, and $1 and $2 are the times and nodes of the periods.
func (c *counted) each(ctx context.Context, p counts.Periods, query string, args, into []any, f func()) error {
	for _, table := range counts.Tables {
		if len(p[table]) == 0 {
			continue
		}
		at, nodes := split(p[table])
		lines, err := c.query(ctx, fmt.Sprintf(query, table), append([]any{at, nodes}, args...)...)
		if err != nil {
			return err
		}
		if _, err = pgx.ForEachRow(lines, into, func() error { f(); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// ranked selects the first names of each period by a number.
func ranked(by counts.Field) string {
	return strings.ReplaceAll(`SELECT p.i, x.name, x.n FROM unnest($1::timestamptz[], $2::integer[]) WITH ORDINALITY AS p (at, node, i),
		LATERAL (SELECT name, FIELD AS n FROM postvet.%[1]s AS c WHERE c.at = p.at AND c.node = p.node AND c.kind = $3 AND FIELD > 0 ORDER BY FIELD DESC LIMIT $4) AS x
		ORDER BY p.i, x.n DESC`, "FIELD", by.String())
}

// Ranked implements [counts.Source]. The index of each of the usual numbers has the first names
// of a period at its beginning.
func (c *counted) Ranked(ctx context.Context, p counts.Periods, k counts.Kind, by counts.Field, n int) (lists [][]counts.Ranked, err error) {
	var i int64
	var x counts.Ranked
	for _, table := range counts.Tables {
		of := make([][]counts.Ranked, len(p[table]))
		err := c.each(ctx, counts.Periods{table: p[table]}, ranked(by), []any{k.String(), n}, []any{&i, &x.Name, &x.N}, func() { of[i-1] = append(of[i-1], x) })
		if err != nil {
			return nil, err
		}
		lists = append(lists, of...)
	}
	return lists, nil
}

// ofNames selects the numbers of names in some periods. First it finds the names by their
// index, since each period has thousands of others.
const ofNames = `WITH found AS MATERIALIZED (SELECT * FROM postvet.%[1]s WHERE kind = $3 AND name = ANY($4)
		AND at >= (SELECT min(t) FROM unnest($1::timestamptz[]) AS t) AND at <= (SELECT max(t) FROM unnest($1::timestamptz[]) AS t)),
	p AS (SELECT * FROM unnest($1::timestamptz[], $2::integer[]) AS p (at, node))
	SELECT KEY, SUMS FROM found JOIN p USING (at, node) GROUP BY KEY`

// sums is the statement for the numbers of names by a key.
func sums(key string) string {
	var all []string
	for _, name := range counts.FieldNames() {
		all = append(all, "sum("+name+")::bigint")
	}
	return strings.NewReplacer("KEY", key, "SUMS", strings.Join(all, ", ")).Replace(ofNames)
}

var sumsOfNames, sumsOfTimes = sums("name"), sums("at")

// intoSums returns where a key and its numbers are read into.
func intoSums(key any, s *counts.Sums) []any {
	into := []any{key}
	for f := range s {
		into = append(into, &s[f])
	}
	return into
}

// harmlessAll returns names as the tables have them.
func harmlessAll(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(appendText(nil, []byte(name), maxIndex)[4:])
	}
	return all
}

// Sums implements [counts.Source].
func (c *counted) Sums(ctx context.Context, p counts.Periods, of counts.Named, names []string) (map[string]counts.Sums, error) {
	all := map[string]counts.Sums{}
	var name string
	var s counts.Sums
	err := c.each(ctx, p, sumsOfNames, []any{string(of), harmlessAll(names)}, intoSums(&name, &s), func() {
		sum := all[name]
		sum.Add(&s)
		all[name] = sum
	})
	return all, err
}

// Points implements [counts.Source].
func (c *counted) Points(ctx context.Context, p counts.Periods, of counts.Named, name string, f func(at int64, s *counts.Sums)) error {
	var at time.Time
	var s counts.Sums
	return c.each(ctx, p, sumsOfTimes, []any{string(of), harmlessAll([]string{name})}, intoSums(&at, &s), func() { f(at.Unix(), &s) })
}

// causes selects the causes of domains. Those of a domain stand together in their index, over all
// periods.
const causes = `WITH found AS MATERIALIZED (SELECT at, node, org, hint, rule, n FROM postvet.%[1]s_facts WHERE org = ANY($3)
		AND at >= (SELECT min(t) FROM unnest($1::timestamptz[]) AS t) AND at <= (SELECT max(t) FROM unnest($1::timestamptz[]) AS t)),
	p AS (SELECT * FROM unnest($1::timestamptz[], $2::integer[]) AS p (at, node))
	SELECT org, hint, rule, sum(n)::bigint FROM found JOIN p USING (at, node) GROUP BY org, hint, rule`

// Causes implements [counts.Source].
func (c *counted) Causes(ctx context.Context, p counts.Periods, orgs []string, f func(org, hint, rule string, n int64)) error {
	var org, hint, rule string
	var n int64
	return c.each(ctx, p, causes, []any{harmlessAll(orgs)}, []any{&org, &hint, &rule, &n}, func() { f(org, hint, rule, n) })
}

// Missing implements [counts.Source].
func (c *counted) Missing(ctx context.Context, p counts.Periods) (n int64, err error) {
	var some int64
	query := `SELECT coalesce(sum(missing), 0)::bigint FROM postvet.period JOIN unnest($1::timestamptz[], $2::integer[]) AS p (at, node) USING (at, node) WHERE length = '%[1]s'`
	err = c.each(ctx, p, query, nil, []any{&some}, func() { n += some })
	return n, err
}
