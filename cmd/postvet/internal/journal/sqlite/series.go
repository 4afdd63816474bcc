package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// Series implements [counts.Reader].
func (r *Reader) Series(ctx context.Context, q counts.SeriesQuery) (counts.Series, error) {
	out := counts.Series{Points: []counts.Point{}}
	if err := q.Check(); err != nil {
		return out, err
	}
	out.Query = q
	none, err := r.readCounts(ctx, func(tx *sql.Tx) error { return series(ctx, tx, &out) })
	out.Complete = out.Complete || none
	return out, err
}

// series sets the answer to a query.
func series(ctx context.Context, tx *sql.Tx, out *counts.Series) error {
	all, err := readCounted(ctx, tx)
	if err != nil {
		return err
	}
	q := &out.Query
	out.Oldest = all.oldest()
	table, starts := "hour", all.hours
	if q.Step >= day {
		table, starts = "day", all.days
	}
	oldest := time.Time{}
	if len(starts) > 0 {
		oldest = time.Unix(starts[0], 0)
	}
	for i := range all.recent {
		if at := all.recent[i].At; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	out.Begin(oldest)
	for i := range all.recent {
		h := &all.recent[i]
		sums := h.Sum()
		if q.Name != "" {
			sums = h.Of(q.Kind, q.Name)
		}
		out.Add(h.At, &sums)
	}
	kind, name := kindAll, cmp.Or(q.Name, nameAll)
	if q.Name != "" {
		kind = q.Kind.String()
	}
	var at []int64 // by which the statement finds its rows one by one, whatever the table has
	for _, start := range starts {
		if start >= q.Since.Unix() && start < q.Until.Unix() {
			at = append(at, start)
		}
	}
	if len(at) == 0 {
		out.Complete = true
		return nil
	}
	lines, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT at, %s FROM %s WHERE at IN (%s) AND kind = ? AND name = ?", strings.Join(counts.FieldNames(), ", "), table, join(at)), kind, name)
	if err != nil {
		return err
	}
	err = eachLineOf(lines, func(lines *sql.Rows) error {
		var start int64
		var sums counts.Sums
		targets := []any{&start}
		for f := range sums {
			targets = append(targets, &sums[f])
		}
		err := lines.Scan(targets...)
		out.Add(time.Unix(start, 0), &sums)
		return err
	})
	out.Complete = err == nil
	return err
}
