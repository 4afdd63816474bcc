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
	p := &periods{tx: tx}
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

// each calls f with each table and the periods in it, until f fails.
func (p *periods) each(f func(table string, at []int64) error) error {
	if len(p.days) > 0 {
		if err := f("day", p.days); err != nil {
			return err
		}
	}
	if len(p.hours) > 0 {
		return f("hour", p.hours)
	}
	return nil
}

// namesAtOnce is how many names a statement asks for.
const namesAtOnce = 200

// eachLine calls f with the lines of a query, in which %[1]s is the table, %[2]s its
// periods, and %[3]s so many parameters as there are names.
func (p *periods) eachLine(ctx context.Context, query string, names []string, f func(*sql.Rows) error) error {
	return p.each(func(table string, at []int64) error {
		for some := range slices.Chunk(names, namesAtOnce) {
			args := make([]any, len(some))
			for i, name := range some {
				args[i] = name
			}
			lines, err := p.tx.QueryContext(ctx, fmt.Sprintf(query, table, join(at), strings.TrimPrefix(strings.Repeat(",?", len(some)), ",")), args...)
			if err != nil {
				return err
			}
			if err := eachLineOf(lines, f); err != nil {
				return err
			}
		}
		return nil
	})
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

// of returns the numbers of names in the tables.
func (p *periods) of(ctx context.Context, kind string, names []string) (map[string]counts.Sums, error) {
	all := map[string]counts.Sums{}
	query := "SELECT name, " + sumOf + " FROM %[1]s WHERE kind = '" + kind + "' AND at IN (%[2]s) AND name IN (%[3]s) GROUP BY name"
	err := p.eachLine(ctx, query, names, func(lines *sql.Rows) error {
		var name string
		var s counts.Sums
		targets := []any{&name}
		for f := range s {
			targets = append(targets, &s[f])
		}
		if err := lines.Scan(targets...); err != nil {
			return err
		}
		sum := all[name]
		sum.Add(&s)
		all[name] = sum
		return nil
	})
	return all, err
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
