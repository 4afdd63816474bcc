package reportstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// Options are the options of a Store. One of File and DSN is needed.
type Options struct {
	// File is the path of a file of SQLite, which is created if needed.
	File string
	// DSN is that of a PostgreSQL database, as journal.postgres has it.
	DSN string
	// AutoMigrate has the tables of a PostgreSQL database made and changed by Open. Those
	// of a file always are.
	AutoMigrate bool
	// Now is the clock; default time.Now. The time of a PostgreSQL database is its own.
	Now func() time.Time
	// MaxRecords bounds the different records of a subject, and MaxAllRecords those of all
	// together. Default 50,000 and 1,000,000.
	MaxRecords, MaxAllRecords int64
}

// Store is an open store. It is safe for concurrent use.
type Store struct {
	db        *sql.DB
	isFile    bool
	now       func() time.Time
	most, all int64
}

// Open opens a store. It returns [ErrTooNew] if the tables are those of a newer program,
// and [ErrTooOld] if a database has older ones and AutoMigrate is not set.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{isFile: o.DSN == "", now: o.Now, most: o.MaxRecords, all: o.MaxAllRecords}
	if s.now == nil {
		s.now = time.Now
	}
	if s.most <= 0 {
		s.most = 50_000
	}
	if s.all <= 0 {
		s.all = 1_000_000
	}
	var err error
	if s.isFile {
		if s.db, err = sqlite.OpenShared(o.File); err != nil {
			return nil, err
		}
	} else {
		s.db = (&postgres.Database{DSN: o.DSN}).OpenSQL()
	}
	// One that writes, and a few that read meanwhile.
	s.db.SetMaxOpenConns(4)
	s.db.SetMaxIdleConns(2)
	s.db.SetConnMaxIdleTime(10 * time.Minute)
	if err := s.prepare(ctx, o); err != nil {
		s.db.Close()
		if s.isFile {
			err = fmt.Errorf("%s: %w", o.File, err)
		}
		return nil, err
	}
	return s, nil
}

// prepare brings the tables to the version of this program, or checks it.
func (s *Store) prepare(ctx context.Context, o Options) error {
	if s.isFile || o.AutoMigrate {
		_, _, err := s.migrate(ctx, o)
		return err
	}
	switch v, err := s.version(ctx); {
	case err != nil:
		return err
	case v < Schema:
		return ErrTooOld
	case v > Schema:
		return ErrTooNew
	}
	return nil
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// sql returns a statement for the database at hand. All are written for PostgreSQL. A file
// has no schema postvet, and one transaction at a time writes it.
func (s *Store) sql(statement string) string {
	if s.isFile {
		statement = strings.ReplaceAll(statement, "postvet.", "")
		statement = strings.ReplaceAll(statement, " FOR UPDATE SKIP LOCKED", "")
		statement = strings.ReplaceAll(statement, " FOR UPDATE", "")
	}
	return statement
}

// querier is a database or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// exec executes a statement and returns how many rows it has changed.
func (s *Store) exec(ctx context.Context, q querier, statement string, args ...any) (int64, error) {
	res, err := q.ExecContext(ctx, s.sql(statement), args...)
	if err != nil {
		return 0, s.fault(err)
	}
	return res.RowsAffected()
}

// row has the columns of the only row of a statement scanned, and reports whether there is
// one.
func (s *Store) row(ctx context.Context, q querier, into []any, statement string, args ...any) (bool, error) {
	err := q.QueryRowContext(ctx, s.sql(statement), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, s.fault(err)
}

// each calls scan for each row of a statement.
func (s *Store) each(ctx context.Context, q querier, scan func(*sql.Rows) error, statement string, args ...any) error {
	rows, err := q.QueryContext(ctx, s.sql(statement), args...)
	if err != nil {
		return s.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return s.fault(err)
		}
	}
	return s.fault(rows.Err())
}

// write calls f in a transaction, which ends with all that f has done or with nothing.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.fault(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing behind Commit
	if err := f(tx); err != nil {
		return err
	}
	return s.fault(tx.Commit())
}

// fault returns an error as the log tells it.
func (s *Store) fault(err error) error {
	switch {
	case err == nil:
		return nil
	case s.isFile:
		if sqlite.IsDamage(err) {
			return fmt.Errorf("%w; stop the service, move the file and those beside it away, and start again", err)
		}
		return err
	}
	return postgres.Describe(err)
}

// time returns the time of the database, in microseconds.
func (s *Store) time(ctx context.Context, q querier) (int64, error) {
	if s.isFile {
		return s.now().UnixMicro(), nil
	}
	var at int64
	_, err := s.row(ctx, q, []any{&at}, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
	return at, err
}

// micros returns a time as columns have it; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf is the reverse of micros.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
