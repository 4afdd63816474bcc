package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// Period is an hour or a day that is over, whose counts are sent elsewhere.
type Period struct {
	// Seq is higher than that of all periods that changed before it.
	Seq int64
	// Length is "hour" or "day".
	Length     string
	At         time.Time
	N, Missing int64
}

// Lengths are the lengths of periods.
var Lengths = [2]string{"hour", "day"}

// CountReader reads the counts of a directory.
type CountReader struct{ db *sql.DB }

// OpenCounts opens the counts. The error is [fs.ErrNotExist] if there are none yet.
func (s *Spool) OpenCounts(ctx context.Context) (*CountReader, error) {
	db, err := openStateReader(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	return &CountReader{db}, nil
}

// Close closes the file.
func (r *CountReader) Close() error { return r.db.Close() }

// Next returns the period of a length that is over and changed next after one; false if
// there is none. A file that was begun anew counts from 1 again, and is sent from its
// beginning.
func (r *CountReader) Next(ctx context.Context, length string, after int64, now time.Time) (p Period, ok bool, err error) {
	var last int64
	if err := r.db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM period").Scan(&last); err != nil {
		return p, false, err
	}
	if last < after {
		after = 0
	}
	lasts := time.Hour
	if length == "day" {
		lasts = day
	}
	var at int64
	p.Length = length
	err = r.db.QueryRowContext(ctx, "SELECT seq, at, n, missing FROM period WHERE length = ? AND seq > ? AND at <= ? ORDER BY seq LIMIT 1",
		length, after, now.Add(-lasts).Unix()).Scan(&p.Seq, &at, &p.N, &p.Missing)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	p.At = time.Unix(at, 0).UTC()
	return p, err == nil, err
}

// Names calls f with the numbers of each name of a period, and also with those of all.
func (r *CountReader) Names(ctx context.Context, p Period, f func(kind, name string, sums *counts.Sums) error) error {
	var fields []string
	for field := range counts.Fields {
		fields = append(fields, field.String())
	}
	var kind, name string
	var sums counts.Sums
	into := []any{&kind, &name}
	for i := range sums {
		into = append(into, &sums[i])
	}
	query := fmt.Sprintf("SELECT kind, name, %s FROM %s WHERE at = ?", strings.Join(fields, ", "), p.Length)
	return r.each(ctx, query, p, into, func() error { return f(kind, name, &sums) })
}

// Facts calls f with the number of messages of each facts of a period.
func (r *CountReader) Facts(ctx context.Context, p Period, f func(counts.Facts, int64) error) error {
	var facts counts.Facts
	var n int64
	into := []any{&facts.Org, &facts.DMARC, &facts.Action, &facts.Would, &facts.Override, &facts.Hint, &facts.Rule, &n}
	query := fmt.Sprintf("SELECT org, dmarc, action, would, override, hint, rule, n FROM %s_facts WHERE at = ?", p.Length)
	return r.each(ctx, query, p, into, func() error { return f(facts, n) })
}

func (r *CountReader) each(ctx context.Context, query string, p Period, into []any, f func() error) error {
	lines, err := r.db.QueryContext(ctx, query, p.At.Unix())
	if err != nil {
		return err
	}
	defer lines.Close()
	for lines.Next() {
		if err := lines.Scan(into...); err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
	return lines.Err()
}
