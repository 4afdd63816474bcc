package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Forget removes the rows that a query selects, and returns how many. With a domain it also
// removes the DNS records of the domain, and counts its messages under [counts.Other]. What
// is removed is overwritten. A service may write meanwhile, and must forget what it counts
// first.
func (r *Reader) Forget(ctx context.Context, q rows.Query) (n int, err error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	all, err := files(r.keys.dir)
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		if !q.WantsDay(f.day) {
			continue
		}
		var refs []int64
		err := r.eachIn(ctx, f, &q, func(rec *rows.Record) error {
			refs = append(refs, rec[rows.ColRef].Int)
			return nil
		})
		if err == nil && len(refs) > 0 {
			err = removeRows(ctx, f, refs)
		}
		if err != nil {
			return n, err
		}
		n += len(refs)
	}
	if q.Domain != "" && q.Since.IsZero() && q.Until.IsZero() {
		return n, forgetState(ctx, r.keys.dir, q.Domain)
	}
	return n, nil
}

// removeRows removes rows, some at a time, so that writers wait only briefly.
func removeRows(ctx context.Context, f file, refs []int64) error {
	db, err := openFile(f.path, "rw", "secure_delete(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	for some := range slices.Chunk(refs, 500) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, ref := range some {
			if _, err := tx.ExecContext(ctx, "DELETE FROM message WHERE ref = ?", ref); err != nil {
				_ = tx.Rollback()
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return wipe(ctx, db, f)
}

// wipe leaves nothing of what was removed from a file. When a page was split, SQLite has left
// the old text of its entries in the rest of the page, and the log has the old pages. The
// writer waits meanwhile; if it takes too long, it tries again.
func wipe(ctx context.Context, db *sql.DB, f file) error {
	_, err := db.ExecContext(ctx, "VACUUM")
	var busy, pages, copied int
	if err == nil {
		err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &copied)
	}
	if err == nil && busy != 0 {
		err = errors.New("others read it")
	}
	if err != nil {
		return fmt.Errorf("%s: it is forgotten, but traces may be left in the file; repeat the command: %w", f.path, err)
	}
	return nil
}

// forgetState removes the DNS records and patterns of a domain and of the names below it, and
// counts its messages under [counts.Other].
func forgetState(ctx context.Context, dir, domain string) error {
	f := stateFile(dir)
	db, err := openFile(f.path, "rw", "secure_delete(1)")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	var found int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return err
	}
	if found > len(migrations) {
		return fmt.Errorf("%s: %w", f.path, errNewer)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // fails after the commit
	if found > 0 {
		err = forgetCounts(ctx, tx, domain)
	}
	if err == nil && found > 1 {
		_, err = tx.ExecContext(ctx, "DELETE FROM record WHERE "+isBelow("name"), domain)
	}
	if err == nil && found > 2 {
		_, err = tx.ExecContext(ctx, "DELETE FROM pattern WHERE "+isBelow("org"), domain)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return err
	}
	return wipe(ctx, db, f)
}

// isBelow is the condition that a column has the domain ?1 or a name below it.
func isBelow(column string) string {
	return fmt.Sprintf("(%[1]s = ?1 OR substr(%[1]s, -length(?1) - 1) = '.' || ?1)", column)
}

// forgetCounts counts the messages of a domain, and of those below it, under
// [counts.Other].
func forgetCounts(ctx context.Context, tx *sql.Tx, domain string) error {
	for _, table := range Lengths {
		where := fmt.Sprintf("FROM %s WHERE kind = '%s' AND %s", table, counts.Domain, isBelow("name"))
		facts := fmt.Sprintf("FROM %s_facts WHERE %s", table, isBelow("org"))
		periods, err := numbers(ctx, tx, "SELECT DISTINCT at "+where+" UNION SELECT DISTINCT at "+facts, domain)
		if err != nil {
			return err
		}
		statements := []string{
			fmt.Sprintf("INSERT INTO %s SELECT at, '%s', '%s', %s %s GROUP BY at ON CONFLICT DO UPDATE SET %s", table, counts.Domain, counts.Other, sumOf, where, addSums()),
			"DELETE " + where,
			fmt.Sprintf("INSERT INTO %s_facts SELECT at, '%s', dmarc, action, would, override, hint, rule, sum(n) %s "+
				"GROUP BY at, dmarc, action, would, override, hint, rule ON CONFLICT DO UPDATE SET n = n + excluded.n", table, counts.Other, facts),
			"DELETE " + facts,
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s, domain); err != nil {
				return err
			}
		}
		for _, at := range periods {
			if _, err := tx.ExecContext(ctx, changed(table, at)); err != nil {
				return err
			}
		}
	}
	return forgetRecent(ctx, tx, domain)
}

// forgetRecent is forgetCounts for hours that are not over.
func forgetRecent(ctx context.Context, tx *sql.Tx, domain string) error {
	recent, err := counted{tx}.recent(ctx)
	if err != nil {
		return err
	}
	for i := range recent {
		part, ok := recent[i].Forget(domain)
		if !ok {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM recent WHERE at = ?", part.At.Unix()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO recent (at, octets) VALUES (?, ?)", part.At.Unix(), part.Octets); err != nil {
			return err
		}
	}
	return nil
}

// numbers returns the numbers that a query finds.
func numbers(ctx context.Context, tx *sql.Tx, query string, args ...any) (all []int64, err error) {
	lines, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return all, eachLineOf(lines, func(line *sql.Rows) error {
		var n int64
		err := line.Scan(&n)
		all = append(all, n)
		return err
	})
}
