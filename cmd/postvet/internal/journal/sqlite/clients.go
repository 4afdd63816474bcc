package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// createHidden is the statement for the table that says since when a file names no clients
// any more.
const createHidden = "CREATE TABLE hidden (at TEXT NOT NULL)"

// hideClients takes from the rows of a day that is over what names their clients. It makes
// a new file: in the old one, pages keep pieces of rows that were moved.
func hideClients(ctx context.Context, f file, now time.Time) error {
	done, err := hasHidden(ctx, f)
	if err != nil || done {
		return err
	}
	made := file{day: f.day, class: f.class, path: f.path + ".new"}
	if err := made.remove(); err != nil {
		return err
	}
	err = copyHiding(ctx, f, made, now)
	if err == nil {
		// A log that was left over would be taken for that of the new file.
		if _, statErr := os.Lstat(f.path + "-wal"); !errors.Is(statErr, fs.ErrNotExist) {
			err = fmt.Errorf("%s is in use", f.path)
		}
	}
	if err == nil {
		err = os.Rename(made.path, f.path)
	}
	if err != nil {
		return errors.Join(err, made.remove())
	}
	return syncDir(filepath.Dir(f.path))
}

// hasHidden reports whether a file names no clients any more.
func hasHidden(ctx context.Context, f file) (bool, error) {
	db, err := openReader(ctx, f)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var n int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'hidden'").Scan(&n)
	return n > 0, err
}

// copyHiding makes a new file of the rows of another one, without what names their clients.
func copyHiding(ctx context.Context, old, made file, now time.Time) (err error) {
	from, err := openConnection(old.path, pageSizes[old.class])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	// Nobody writes meanwhile, and there is no log.
	if err := from.exec("PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE"); err != nil {
		return err
	}
	to, err := openConnection(made.path, pageSizes[old.class])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	if err := to.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; " + createTables() + createLate + "BEGIN; DELETE FROM identity"); err != nil {
		return err
	}
	for _, table := range []string{"late", "generation", "identity"} {
		if err := copyTable(from, to, table); err != nil {
			return err
		}
	}
	insert, err := to.prepared(insertRow())
	if err != nil {
		return err
	}
	defer insert.close()
	var hider rows.Hider
	n := 0
	err = from.each("SELECT "+selected+" FROM message ORDER BY ref", func(line *statement) error {
		rec := line.record()
		if _, err := hider.Hide(&rec); err != nil {
			return err
		}
		if n++; n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		_, err := insert.add(&rec)
		return err
	})
	for _, s := range append(createIndexes(old.class), createHidden) {
		if err == nil {
			err = to.exec(s)
		}
	}
	if err != nil {
		return err
	}
	return to.exec("INSERT INTO hidden VALUES (?); COMMIT", now.UTC().Format(timeLayout))
}

// copyTable copies the rows of a table of at most three columns, the first of which is a
// number.
func copyTable(from, to connection, table string) error {
	columns, err := from.number(fmt.Sprintf("SELECT count(*) FROM pragma_table_info('%s')", table))
	if err != nil {
		return err
	}
	insert, err := to.prepared(fmt.Sprintf("INSERT INTO %s VALUES (%s)", table, "?, ?, ?"[:3*columns-2]))
	if err != nil {
		return err
	}
	defer insert.close()
	return from.each("SELECT * FROM "+table, func(line *statement) error {
		for i := range int(columns) {
			if table == "generation" && i > 0 {
				insert.setOctets(i, line.octets(i), true)
			} else {
				insert.setInt(i, line.int(i))
			}
		}
		return insert.exec()
	})
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
