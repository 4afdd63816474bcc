package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Errors of a file that cannot be used as it is.
var (
	errDamaged = errors.New("the file is damaged")
	errNewer   = errors.New("the file is of a newer version of Postvet; run that version again to read it")
)

// errMoved is errNewer of a file that was set aside.
var errMoved = fmt.Errorf("%w, with the file moved back to its name", errNewer)

// database is a file of a day that is open to be written.
type database struct {
	file
	connection
	insert *statement

	// committed is the highest reference that others can read, and highest that of the
	// present transaction.
	committed, highest int64
}

// open opens a file to be written and creates it if needed.
func open(f file, generations []rows.Generation) (*database, error) {
	conn, err := openConnection(f.path, pageSizes[f.class])
	if err != nil {
		return nil, err
	}
	d := &database{file: f, connection: conn}
	if err := d.prepare(generations); err != nil {
		d.close()
		return nil, classify(err)
	}
	return d, nil
}

func (d *database) prepare(generations []rows.Generation) error {
	found, err := d.number("PRAGMA user_version")
	switch {
	case err != nil:
		return err
	case found > version:
		return errNewer
	case found == 0:
		if err := d.exec(createTables()); err != nil {
			return err
		}
	}
	if err := d.exec(createLate); err != nil {
		return err
	}
	insert, err := d.prepared(insertRow())
	if err != nil {
		// Its tables are not ours.
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	d.insert = insert
	if d.class == rows.Rest {
		for _, s := range createIndexes(d.class) {
			if err := d.exec(s); err != nil {
				return err
			}
		}
	}
	for _, g := range generations {
		if err := d.addGeneration(g); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) addGeneration(g rows.Generation) error {
	return d.exec("INSERT OR IGNORE INTO generation VALUES (?, ?, ?)", g.ID, g.Since.UTC().Format(timeLayout), g.Text)
}

// timeLayout is the form of times in the files.
const timeLayout = "2006-01-02T15:04:05.000Z"

// add inserts a row.
func (d *database) add(rec *rows.Record) error {
	added, err := d.insert.add(rec)
	if err != nil {
		return err
	}
	ref := rec[rows.ColRef].Int
	d.highest = max(d.highest, ref)
	if ref > d.committed || !added { // it is new, or was there
		return nil
	}
	return d.exec("INSERT INTO late (ref) VALUES (?)", ref)
}

// add inserts a record by a statement of [insertRow], and reports whether it was not there.
func (s *statement) add(rec *rows.Record) (bool, error) {
	for c := range rows.Columns {
		v := &rec[c]
		switch kind := c.Kind(); {
		case kind == rows.Integer && v.Int == 0 && (c == rows.ColMessageKey || c == rows.ColMailFromKey):
			s.setNull(int(c))
		case kind == rows.Integer:
			s.setInt(int(c), v.Int)
		case len(v.Octets) == 0:
			s.setNull(int(c))
		default:
			s.setOctets(int(c), v.Octets, kind == rows.Text)
		}
	}
	return s.insert()
}

// record returns the present row of a query for all columns.
func (s *statement) record() (rec rows.Record) {
	for c := range rows.Columns {
		if c.Kind() == rows.Integer {
			rec[c].Int = s.int(int(c))
		} else {
			rec[c].Octets = s.octets(int(c))
		}
	}
	return rec
}

// begin begins a transaction.
func (d *database) begin() error {
	if err := d.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	var err error
	if d.committed == 0 { // it is not known
		d.committed, err = d.number("SELECT coalesce(max(ref), 0) FROM message")
	}
	d.highest = d.committed
	return err
}

func (d *database) commit() error {
	err := d.exec("COMMIT")
	if d.committed = d.highest; err != nil {
		d.committed = 0
	}
	return err
}

// rollBack ends a transaction. It may have ended.
func (d *database) rollBack() {
	d.committed = 0
	_ = d.exec("ROLLBACK")
}

func (d *database) close() error {
	if d.insert != nil {
		d.insert.close()
	}
	return d.connection.close()
}

// openReader opens a file to be read until a context ends. pragmas are how long it waits for a
// lock, by default [busyUntil].
func openReader(ctx context.Context, f file, pragmas ...string) (*sql.DB, error) {
	if len(pragmas) == 0 {
		pragmas = []string{busyUntil(ctx)}
	}
	db, err := openFile(f.path, "ro", append([]string{"query_only(1)", "cache_size(-8192)"}, pragmas...)...)
	if err != nil {
		return nil, err
	}
	var found int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		db.Close()
		return nil, classify(err)
	}
	switch {
	case found > version:
		err = errNewer
	case found == 0:
		err = fs.ErrNotExist // it was begun, and nothing was written
	default:
		return db, nil
	}
	db.Close()
	return nil, err
}
