package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Files describes the files of a directory, the newest first, and then that of counts, with what
// can be seen wrong with them at a glance. Those that were set aside come last.
func Files(dir string) ([]rows.File, error) {
	list, err := listed(dir)
	now := time.Now()
	for i := range list {
		if one := &list[i]; one.Problem == "" {
			f := file{path: filepath.Join(dir, one.Name), day: one.Day}
			if err := f.checkHeader(now); err != nil && !errors.Is(err, fs.ErrNotExist) {
				one.Problem = err.Error()
			}
		}
	}
	return list, err
}

// Size returns the octets of all files of a directory, and the oldest day that has one. It opens
// none of them.
func Size(dir string) (octets int64, oldest time.Time) {
	list, _ := listed(dir) // an empty directory has none
	for _, f := range list {
		octets += f.Octets
		if !f.Day.IsZero() {
			oldest = f.Day // the newest come first
		}
	}
	return octets, oldest
}

// listed is Files, but opens none of them.
func listed(dir string) ([]rows.File, error) {
	all, err := files(dir)
	if err != nil {
		return nil, err
	}
	list := []rows.File{}
	for _, f := range all {
		list = append(list, rows.File{Name: filepath.Base(f.path), Day: f.day, Class: f.class.String(), Octets: f.size()})
	}
	if st := stateFile(dir); st.size() > 0 {
		list = append(list, rows.File{Name: stateName, Octets: st.size()})
	}
	for _, aside := range []struct {
		pattern string
		why     error
	}{{"*.db.damaged-*", errDamaged}, {"*.db.newer-*", errMoved}} {
		names, _ := filepath.Glob(filepath.Join(dir, aside.pattern))
		slices.Sort(names)
		for _, name := range names {
			if !hasSuffix(name) {
				list = append(list, rows.File{Name: filepath.Base(name), Octets: file{path: name}.size(), Problem: "it was set aside: " + aside.why.Error()})
			}
		}
	}
	return list, nil
}

// InUse reports whether a service writes into a directory.
func InUse(dir string) bool { return inUse(dir) }

// Verify reads all that a directory has, and describes each file with its rows and what is
// wrong with it.
func Verify(ctx context.Context, dir string) ([]rows.File, error) {
	list, err := Files(dir)
	if err != nil {
		return nil, err
	}
	for i := range list {
		f := &list[i]
		if f.Problem != "" && !strings.HasSuffix(f.Name, ".db") {
			continue // it was set aside
		}
		var n int64
		var err error
		if f.Name == stateName {
			n, err = verifyState(ctx, dir)
		} else {
			n, err = verifyFile(ctx, file{path: filepath.Join(dir, f.Name)})
		}
		if f.Rows = n; err != nil && f.Problem == "" {
			f.Problem = err.Error()
		}
		if ctx.Err() != nil {
			return list, ctx.Err()
		}
	}
	return list, nil
}

// verifyFile returns the number of rows of a file, and what is wrong with it.
func verifyFile(ctx context.Context, f file) (n int64, err error) {
	db, err := openReader(ctx, f)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := check(ctx, db); err != nil {
		return 0, err
	}
	err = each(ctx, db, selected, "", nil, func(rec *rows.Record) error {
		n++
		_, err := rec.Row()
		return err
	})
	return n, err
}

// verifyState returns the number of messages that were counted, and what is wrong with the
// file of counts.
func verifyState(ctx context.Context, dir string) (n int64, err error) {
	db, err := openStateReader(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := check(ctx, db); err != nil {
		return 0, err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	recent, err := counted{tx}.recent(ctx)
	if err != nil {
		return 0, err
	}
	for i := range recent {
		n += recent[i].All
	}
	var over int64
	err = tx.QueryRowContext(ctx, "SELECT coalesce(sum(n), 0) FROM period WHERE length = 'day'").Scan(&over)
	return n + over, err
}

// check returns what is wrong with the pages of a database.
func check(ctx context.Context, db *sql.DB) error {
	var text string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&text); err != nil {
		return err
	}
	if text != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, strings.TrimPrefix(text, "*** in database main ***\n"))
	}
	return nil
}

// each calls f with the rows that meet a condition, the newest first. columns are those of
// a record, or NULL for one that is not wanted.
func each(ctx context.Context, db *sql.DB, columns, where string, args []any, f func(*rows.Record) error) error {
	lines, err := db.QueryContext(ctx, "SELECT "+columns+" FROM message"+where+" ORDER BY ref DESC", args...)
	if err != nil {
		return err
	}
	defer lines.Close()
	s := newScanner()
	for lines.Next() {
		if err := s.scan(lines); err != nil {
			return err
		}
		if err := f(&s.rec); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Each calls f with each row that a query selects, the newest day first. The query's limit
// does not count.
func (r *Reader) Each(ctx context.Context, q rows.Query, f func(*rows.Row) error) error {
	if err := q.Check(); err != nil {
		return err
	}
	all, err := files(r.keys.dir)
	if err != nil {
		return err
	}
	for _, day := range all {
		if !q.WantsDay(day.day) || !q.WantsClass(day.class) {
			continue
		}
		err := r.eachIn(ctx, day, &q, func(rec *rows.Record) error {
			row, err := rec.Row()
			if err != nil {
				return err
			}
			return f(row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachIn calls f with each record of a file that a query selects.
func (r *Reader) eachIn(ctx context.Context, f file, q *rows.Query, each1 func(*rows.Record) error) error {
	key, err := r.keys.of(f.day, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openReader(ctx, f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	for _, c := range allConditions(q, key) {
		err := each(ctx, db, selected, c.where(), c.args, func(rec *rows.Record) error {
			if !q.Selects(rec, key) {
				return nil
			}
			return each1(rec)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
