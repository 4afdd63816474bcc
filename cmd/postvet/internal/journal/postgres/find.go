package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Reader searches the rows of all nodes. It is safe for concurrent use. Addresses are not
// found, as each node has its own key for their hashes.
type Reader struct{ Database *Database }

var _ rows.Reader = (*Reader)(nil)

// Find implements [rows.Reader]. It searches slice by slice of each day, the newest
// first.
func (r *Reader) Find(ctx context.Context, q rows.Query) (rows.Page, error) {
	page := rows.Page{Rows: []*rows.Row{}, Complete: true}
	if err := q.Check(); err != nil {
		return page, err
	}
	conn, done, err := r.Database.acquire(ctx)
	if err != nil {
		return page, err
	}
	defer done()
	days, err := partitionDays(ctx, conn)
	if err != nil {
		return page, fault(err)
	}
	if len(days) > 0 {
		page.Oldest = days[len(days)-1]
	}
	var slices rows.Slices
	for _, day := range days {
		if len(page.Rows) >= q.Limit {
			break
		}
		if !q.WantsDay(day) {
			continue
		}
		searched, err := findDay(ctx, conn, day, q, &slices, &page)
		if ctx.Err() != nil || isOutOfTime(err) {
			page.Complete, page.Searched = false, searched
			break
		} else if err != nil {
			return page, fault(err)
		}
	}
	page.End(q.Limit)
	return page, nil
}

// isOutOfTime reports whether the server stopped a query for its statement_timeout, which may
// end a moment before the context.
func isOutOfTime(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "57014"
}

// partitionDays returns the days that have a partition, the newest first.
func partitionDays(ctx context.Context, conn *pgx.Conn) (days []time.Time, err error) {
	lines, err := conn.Query(ctx, `SELECT DISTINCT right(c.relname, 8) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
		WHERE i.inhparent IN ('postvet.rest'::regclass, 'postvet.accepted'::regclass) ORDER BY 1 DESC`)
	if err != nil {
		return nil, err
	}
	var text string
	_, err = pgx.ForEachRow(lines, []any{&text}, func() error {
		if day, err := time.Parse(dayInName, text); err == nil {
			days = append(days, day)
		}
		return nil
	})
	return days, err
}

// findDay adds the rows of a day to a page, in order of time, and returns how far it came.
func findDay(ctx context.Context, conn *pgx.Conn, day time.Time, q rows.Query, parts *rows.Slices, page *rows.Page) (searched time.Time, err error) {
	searched = parts.Each(q, day, time.Now(), func(slice rows.Query) bool {
		var found, some []*rows.Row
		for c := range rows.Class(rows.Classes) {
			if !q.WantsClass(c) {
				continue
			}
			if some, err = findIn(ctx, conn, rows.Part{Day: day, Class: c}, &slice); err != nil {
				return false
			}
			found = append(found, some...)
		}
		page.AddDay(found)
		return len(page.Rows) < q.Limit
	})
	return searched, err
}

// spanRows bounds the rows that are read at once.
const spanRows = 1000

// findIn returns at most q.Limit rows of a part, the newest first. What SQL does not decide,
// the query does.
func findIn(ctx context.Context, conn *pgx.Conn, p rows.Part, q *rows.Query) (found []*rows.Row, err error) {
	c := conditionOf(q, p.Day)
	for {
		n, err := c.read(ctx, conn, p, func(node string, rec *rows.Record) error {
			if len(found) >= q.Limit || !q.Selects(rec, nil) {
				return nil
			}
			row, err := rec.Row()
			if err != nil {
				return fmt.Errorf("a row of the node %s cannot be read: %w", node, err)
			}
			row.Node = node
			found = append(found, row)
			return nil
		})
		if err != nil || n < c.limit || len(found) >= q.Limit {
			return found, err
		}
	}
}

// condition is a condition in SQL that all wanted rows meet, and some others.
type condition struct {
	terms []string
	args  []any
	limit int   // of the rows that are read at once
	last  int64 // the reference and the node of the last row that was read
	node  int32
}

// add adds a term, in which each ? stands for an argument. A text is made
// harmless.
func (c *condition) add(term string, args ...any) {
	for _, a := range args {
		if s, ok := a.(string); ok {
			a = harmless(s)
		}
		c.args = append(c.args, a)
		term = strings.Replace(term, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.terms = append(c.terms, term)
}

func conditionOf(q *rows.Query, day time.Time) *condition {
	c := &condition{last: 1<<63 - 1, limit: min(spanRows, max(2*q.Limit, 10))}
	c.add("day = '" + day.Format(time.DateOnly) + "'")
	q.Terms(c.add)
	if q.Client.IsValid() {
		c.add("client <<= inet '" + q.Client.String() + "'")
	}
	if q.Node != "" {
		c.add("node = (SELECT id FROM postvet.node WHERE name = ?)", q.Node)
	}
	if q.From != "" {
		c.add("position(? IN mail_from) > 0", q.From)
	}
	if q.To != "" {
		c.add("position(? IN rcpt) > 0", q.To)
	}
	c.addDomain(q.Domain)
	return c
}

// addDomain selects the domain itself and each one above it that may be its organization,
// since that is indexed.
func (c *condition) addDomain(domain string) {
	if domain == "" {
		return
	}
	var above []string
	for name := domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		above = append(above, name)
	}
	if len(above) > 0 {
		c.add("org = ANY(?)", above)
	}
	c.add("(org = ? OR author = ? OR right(author, ?) = ?)", domain, domain, len(domain)+1, "."+domain)
}

// harmless returns a text that PostgreSQL takes.
func harmless(s string) string { return string(appendText(nil, []byte(s), maxColumn)[4:]) }

// selected are the columns in order.
var selected = func() string {
	names := make([]string, rows.Columns)
	for c := range rows.Columns {
		names[c] = c.String()
	}
	names[rows.ColClient] = "abbrev(client)"
	return strings.Join(names, ", ")
}()

// read calls f with the next rows and their nodes, and returns how many there were.
func (c *condition) read(ctx context.Context, conn *pgx.Conn, p rows.Part, f func(node string, rec *rows.Record) error) (n int, err error) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(time.Minute)
	}
	args := append(slices.Clone(c.args), c.last, c.node)
	query := fmt.Sprintf("SELECT node, (SELECT name FROM postvet.node WHERE id = node), %s FROM postvet.%s WHERE %s AND (ref, node) < ($%d, $%d) ORDER BY ref DESC, node DESC LIMIT %d",
		selected, p.Class, strings.Join(c.terms, " AND "), len(args)-1, len(args), c.limit)
	// The server stops too. Behind a pool of connections, nothing may stay set.
	if err := do(ctx, conn, fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d", max(1, time.Until(end).Milliseconds()))); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rollBack(ctx, conn)) }()
	lines, err := conn.Query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	s := newScanner()
	var name string
	_, err = pgx.ForEachRow(lines, append([]any{&c.node, &name}, s.targets...), func() error {
		n++
		rec := s.record()
		c.last = rec[rows.ColRef].Int
		return f(name, rec)
	})
	return n, err
}

// scanner reads rows into a record.
type scanner struct {
	rec     rows.Record
	ints    [rows.Columns]*int64
	octets  [rows.Columns][]byte
	targets []any
}

func newScanner() *scanner {
	s := &scanner{}
	for c := range rows.Columns {
		if c.Kind() == rows.Integer {
			s.targets = append(s.targets, &s.ints[c])
		} else {
			s.targets = append(s.targets, &s.octets[c])
		}
	}
	return s
}

// record returns the row that was scanned, until the next one.
func (s *scanner) record() *rows.Record {
	for c := range rows.Columns {
		s.rec[c] = rows.Value{Octets: s.octets[c]}
		if n := s.ints[c]; n != nil {
			s.rec[c].Int = *n
		}
	}
	return &s.rec
}

// Generation implements [rows.Reader].
func (r *Reader) Generation(ctx context.Context, id int64, _ time.Time) (rows.Generation, bool) {
	g := rows.Generation{ID: id}
	conn, done, err := r.Database.acquire(ctx)
	if err != nil {
		return g, false
	}
	defer done()
	err = conn.QueryRow(ctx, "SELECT since, text FROM postvet.generation WHERE id = $1", id).Scan(&g.Since, &g.Text)
	return g, err == nil
}
