package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// spanRows is the number of rows that are read in one transaction, so that no checkpoint
// of the writer waits for long.
const spanRows = 8192

// busyBriefly bounds how long a reader waits for a file that another process has locked.
const busyBriefly = "busy_timeout(2000)"

// errSetAside is the error of a file that was set aside.
var errSetAside = errors.New("it was set aside, because it is damaged or of a newer version")

// Spans calls f with the rows of a time in spans, the newest day first, until f returns
// false. A zero time is no bound. Files that cannot be read are spans with an error.
func (r *Reader) Spans(ctx context.Context, since, until time.Time, f func(rows.Span) bool) error {
	all, err := files(r.keys.dir)
	if err != nil {
		return err
	}
	q := rows.Query{Since: since, Until: until}
	from, end := int64(0), int64(1)<<62
	if !since.IsZero() {
		from = int64(result.FirstReference(since))
	}
	if !until.IsZero() {
		end = int64(result.FirstReference(until))
	}
	for _, one := range all {
		if q.WantsDay(one.day) && !spansOf(ctx, one, from, end, f) {
			return ctx.Err()
		}
	}
	aside, err := setAside(r.keys.dir)
	if err != nil {
		return err
	}
	for _, one := range aside {
		if q.WantsDay(one.day) && !f(rows.Span{File: filepath.Base(one.path), Day: one.day, Err: errSetAside}) {
			break
		}
	}
	return ctx.Err()
}

// setAside returns the files that were set aside, the newest first.
func setAside(dir string) (all []file, err error) {
	for _, pattern := range []string{"*.db.damaged-*", "*.db.newer-*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, _, _ := strings.Cut(filepath.Base(name), ".")
			day, err := time.ParseInLocation(dayLayout, text, time.UTC)
			if err == nil && !hasSuffix(name) {
				all = append(all, file{day: day, path: name})
			}
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(b.path, a.path) })
	return all, nil
}

// hasSuffix reports whether a file only belongs to a database.
func hasSuffix(name string) bool {
	return slices.ContainsFunc(suffixes[1:], func(s string) bool { return strings.HasSuffix(name, s) })
}

// spansOf calls f with the spans of a file, and returns false if f does. No transaction is
// open meanwhile.
func spansOf(ctx context.Context, one file, from, end int64, f func(rows.Span) bool) bool {
	span := rows.Span{File: filepath.Base(one.path), Day: one.day}
	db, err := openReader(ctx, one, busyBriefly)
	if errors.Is(err, fs.ErrNotExist) {
		if !one.isEmptied(time.Now()) {
			return true
		}
		err = errEmptied
	}
	if err != nil {
		span.Err = err
		return f(span)
	}
	defer db.Close()
	for {
		var first int64
		err := db.QueryRowContext(ctx, "SELECT ref FROM message WHERE ref >= ? AND ref < ? ORDER BY ref DESC LIMIT 1 OFFSET ?", from, end, spanRows-1).Scan(&first)
		last := errors.Is(err, sql.ErrNoRows)
		switch {
		case ctx.Err() != nil:
			return false
		case last:
			first = from
		case err != nil:
			span.Err, span.Each, span.Records = classify(err), nil, nil
			return f(span)
		}
		span.Records = spanRecords(one, selected, first, end)
		decoded := spanRecords(one, replayed, first, end)
		span.Each = func(ctx context.Context, f func(*rows.Row, error) error) error {
			return decoded(ctx, func(rec *rows.Record) error { return f(rec.Row()) })
		}
		if !f(span) {
			return false
		}
		if last {
			return true
		}
		end = first
	}
}

// spanRecords returns Span.Records for the references of a file from first to before end.
func spanRecords(one file, columns string, first, end int64) func(context.Context, func(*rows.Record) error) error {
	return func(ctx context.Context, f func(*rows.Record) error) error {
		db, err := openReader(ctx, one, busyBriefly)
		if err != nil {
			return err
		}
		defer db.Close()
		return classify(each(ctx, db, columns, " WHERE ref >= ? AND ref < ?", []any{first, end}, f))
	}
}

// replayed are the columns in order, without those that a decision does not need.
var replayed = func() string {
	names := strings.Split(selected, ", ")
	for _, c := range []rows.Column{
		rows.ColQueue, rows.ColMessageID, rows.ColMessageKey, rows.ColMailFromKey, rows.ColRcptKeys, rows.ColSPF, rows.ColDKIM, rows.ColDMARC,
		rows.ColPolicy, rows.ColARC, rows.ColSignatures, rows.ColWould, rows.ColOverride, rows.ColHint, rows.ColShadow, rows.ColTook,
	} {
		names[c] = "NULL"
	}
	return strings.Join(names, ", ")
}()
