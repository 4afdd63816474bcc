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

// periods are the days and hours that make up a time, and the hours that are not over.
type periods struct {
	tx     *sql.Tx
	days   []int64
	hours  []int64
	recent []counts.Hour
	// statements are prepared ones, by their text.
	statements map[string]*sql.Stmt
}

// counted is what the state file has at all.
type counted struct {
	hours, days []int64 // their beginnings, in order
	recent      []counts.Hour
}

// readCounted returns the hours and days of which there are counts.
func readCounted(ctx context.Context, tx *sql.Tx) (*counted, error) {
	c := &counted{}
	lines, err := tx.QueryContext(ctx, "SELECT length, at FROM period ORDER BY length, at")
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	for lines.Next() {
		var length string
		var at int64
		if err := lines.Scan(&length, &at); err != nil {
			return nil, err
		}
		if length == "hour" {
			c.hours = append(c.hours, at)
		} else {
			c.days = append(c.days, at)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return c, c.readRecent(ctx, tx)
}

// readRecent reads the hours that are not over.
func (c *counted) readRecent(ctx context.Context, tx *sql.Tx) error {
	lines, err := tx.QueryContext(ctx, selectRecent)
	if err != nil {
		return err
	}
	defer lines.Close()
	var parts []counts.Part
	for lines.Next() {
		var at int64
		var octets []byte
		if err := lines.Scan(&at, &octets); err != nil {
			return err
		}
		parts = append(parts, counts.Part{At: time.Unix(at, 0).UTC(), Octets: octets})
	}
	if err := lines.Err(); err != nil {
		return err
	}
	c.recent, err = counts.Hours(parts)
	return err
}

// oldest returns the beginning of the oldest period; zero if there is none.
func (c *counted) oldest() (at time.Time) {
	for _, some := range [][]int64{c.days, c.hours} {
		if len(some) > 0 && (at.IsZero() || some[0] < at.Unix()) {
			at = time.Unix(some[0], 0).UTC()
		}
	}
	for _, h := range c.recent {
		if at.IsZero() || h.At.Before(at) {
			at = h.At
		}
	}
	return at
}

// roundDown returns the beginning of a time as exactly as it is counted: that of its hour, or
// of its day if there is no hour any more.
func (c *counted) roundDown(at time.Time) time.Time {
	whole := at.Truncate(day)
	if _, ok := slices.BinarySearch(c.days, whole.Unix()); ok && !at.Equal(whole) {
		if first, _ := slices.BinarySearch(c.hours, whole.Unix()); first == len(c.hours) || c.hours[first] >= whole.Add(day).Unix() {
			return whole
		}
	}
	return at
}

// between returns the periods from since until until.
func (c *counted) between(tx *sql.Tx, since, until time.Time) *periods {
	p := &periods{tx: tx, statements: map[string]*sql.Stmt{}}
	for _, h := range c.recent {
		if !h.At.Before(since) && h.At.Before(until) {
			p.recent = append(p.recent, h)
		}
	}
	for _, at := range c.days {
		first, _ := slices.BinarySearch(c.hours, at)
		last, _ := slices.BinarySearch(c.hours, at+int64(day/time.Second))
		hours := c.hours[first:last]
		begins, ends := at, at+int64(day/time.Second)
		if len(hours) > 0 { // what matters of a day is that which is counted
			begins, ends = hours[0], hours[len(hours)-1]+int64(time.Hour/time.Second)
		}
		switch {
		case ends <= since.Unix() || begins >= until.Unix():
		case begins >= since.Unix() && ends <= until.Unix():
			p.days = append(p.days, at)
		default:
			for _, hour := range hours {
				if hour >= since.Unix() && hour < until.Unix() {
					p.hours = append(p.hours, hour)
				}
			}
		}
	}
	return p
}

// each calls f with each table and the periods in it.
func (p *periods) each(f func(table string, at []int64)) {
	if len(p.days) > 0 {
		f("day", p.days)
	}
	if len(p.hours) > 0 {
		f("hour", p.hours)
	}
}

// sumOf is a list of sums of all fields.
var sumOf = func() string {
	var all []string
	for f := range counts.Fields {
		all = append(all, fmt.Sprintf("coalesce(sum(%s), 0)", f))
	}
	return strings.Join(all, ", ")
}()

// of returns the numbers of a name.
func (p *periods) of(ctx context.Context, kind, name string) (s counts.Sums, err error) {
	p.each(func(table string, at []int64) {
		if err != nil {
			return
		}
		var some counts.Sums
		targets := make([]any, counts.Fields)
		for f := range some {
			targets[f] = &some[f]
		}
		var stmt *sql.Stmt
		if stmt, err = p.prepared(ctx, "SELECT "+sumOf+" FROM "+table+" WHERE kind = ? AND name = ? AND at IN ("+join(at)+")"); err == nil {
			err = stmt.QueryRowContext(ctx, kind, name).Scan(targets...)
		}
		s.Add(&some)
	})
	return s, err
}

// prepared returns a prepared statement, which ends with the transaction.
func (p *periods) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := p.statements[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := p.tx.PrepareContext(ctx, query)
	if err == nil {
		p.statements[query] = stmt
	}
	return stmt, err
}

// join returns numbers with commas between.
func join(all []int64) string {
	var b []byte
	for i, n := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}
