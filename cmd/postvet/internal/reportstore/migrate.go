package reportstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/postvet/postvet/cmd/postvet/internal/filelock"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Schema is the version of the tables that this program works with. A step that was
// published never changes: new tables and columns come with a new step, for both
// databases.
const Schema = 2

// versionTable has the versions that were applied.
const versionTable = "postvet.report_version"

// Errors of the tables.
var (
	ErrTooOld = errors.New(`the tables for reports are older than this program; run "postvet journal migrate" with it`)
	ErrTooNew = errors.New("the tables for reports are newer than this program; update Postvet here, or keep this file aside and begin a new one")
)

// Migrate brings the tables of a PostgreSQL database to the version of this program, and
// returns the versions before and after it.
func Migrate(ctx context.Context, dsn string) (before, after int64, err error) {
	s := &Store{db: (&postgres.Database{DSN: dsn}).OpenSQL()}
	defer s.db.Close()
	return s.migrate(ctx, Options{DSN: dsn})
}

// migrate brings the tables to the version of this program. If several processes do so at
// one time, one works and the others wait for it.
func (s *Store) migrate(ctx context.Context, o Options) (before, after int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, postgres.MigrateTimeout)
	defer cancel()
	if before, err = s.version(ctx); err != nil || before == Schema {
		return before, before, err
	}
	if before > Schema {
		return before, before, ErrTooNew
	}
	if s.isFile {
		unlock, err := lockFile(ctx, o.File)
		if err != nil {
			return before, before, err
		}
		defer unlock()
	} else if err := (&postgres.Database{DSN: o.DSN}).CreateSchema(ctx); err != nil {
		return before, before, err
	}
	if err := s.up(ctx); err != nil {
		return before, before, s.fault(err)
	}
	after, err = s.version(ctx)
	return before, after, err
}

// version returns the version of the tables; 0 if there are none.
func (s *Store) version(ctx context.Context) (v int64, err error) {
	there := "SELECT count(*) FROM sqlite_schema WHERE name = 'report_version'"
	if !s.isFile {
		there = "SELECT count(to_regclass('" + versionTable + "'))"
	}
	var n int
	if _, err := s.row(ctx, s.db, []any{&n}, there); err != nil || n == 0 {
		return 0, err
	}
	_, err = s.row(ctx, s.db, []any{&v}, "SELECT coalesce(max(version_id), 0) FROM "+versionTable)
	return v, err
}

// up runs the migrations.
func (s *Store) up(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("the tables for reports could not be changed: %w", err)
	}
	return nil
}

// provider returns what runs the migrations.
func (s *Store) provider() (*goose.Provider, error) {
	dir := "migrations/postgres"
	if s.isFile {
		dir = "migrations/sqlite"
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, err
	}
	if !s.isFile {
		return postgres.Migrations(s.db, files, versionTable)
	}
	return goose.NewProvider(goose.DialectSQLite3, s.db, files,
		goose.WithTableName(s.sql(versionTable)), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
}

// lockFile waits until no other process changes the tables of a file.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := sqlite.OpenOrMake(path + ".lock")
	if err != nil {
		return nil, err
	}
	for {
		err := filelock.Try(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another process changes the tables: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
