package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the version of the tables that this program works with.
const Schema = 6

// versionTable has the versions that were applied.
const versionTable = "postvet.goose_db_version"

// Errors of the tables.
var (
	ErrTooOld = errors.New(`the tables of the database are older than this program; run "postvet journal migrate" with it`)
	ErrTooNew = errors.New("the tables of the database are newer than this program; update Postvet on this node")
)

// checkSchema returns an error unless the tables have the version of this program.
func (d *Database) checkSchema(ctx context.Context, conn *pgx.Conn) error {
	v, err := schemaVersion(ctx, conn)
	switch want := max(d.schema, Schema); {
	case err != nil:
		return fault(err)
	case v < want:
		return ErrTooOld
	case v > want:
		return ErrTooNew
	}
	return nil
}

// schemaVersion returns the version of the tables; 0 if there are none.
func schemaVersion(ctx context.Context, conn *pgx.Conn) (v int64, err error) {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('"+versionTable+"') IS NOT NULL").Scan(&there); err != nil || !there {
		return 0, err
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(max(version_id) FILTER (WHERE is_applied), 0) FROM "+versionTable).Scan(&v)
	return v, err
}

// MigrateTimeout bounds a migration, with the time for which another one is awaited.
const MigrateTimeout = 10 * time.Minute

// Migrate brings the tables to the version of this program, and returns the versions before
// and after it. If several nodes do so at one time, one works and the others wait for it.
func (d *Database) Migrate(ctx context.Context) (before, after int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, MigrateTimeout)
	defer cancel()
	conn, err := d.connect(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer closeConn(conn)
	if before, err = schemaVersion(ctx, conn); err != nil {
		return 0, 0, fault(err)
	}
	switch {
	case before > Schema:
		return before, before, ErrTooNew
	case before == Schema:
		return before, before, nil
	}
	if err := createSchema(ctx, conn); err != nil {
		return before, before, fault(err)
	}
	if err := d.up(ctx); err != nil {
		return before, before, fault(err)
	}
	after, err = schemaVersion(ctx, conn)
	return before, after, fault(err)
}

// createSchema creates the schema, in which the versions are kept.
func createSchema(ctx context.Context, conn *pgx.Conn) error {
	for {
		var there bool
		err := conn.QueryRow(ctx, "SELECT to_regnamespace('postvet') IS NOT NULL").Scan(&there)
		if err != nil || there {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE SCHEMA postvet")
		var server *pgconn.PgError
		if errors.As(err, &server) && (server.Code == "42P06" || server.Code == "23505") {
			continue // another node was quicker
		}
		return err
	}
}

// up runs the migrations.
func (d *Database) up(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := d.OpenSQL()
	defer db.Close()
	p, err := Migrations(db, files, versionTable)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("the tables could not be changed: %w", err)
	}
	return nil
}

// Migrations returns what runs the migrations of files that a table of versions does not
// have, under a lock of the database. The schema of that table must be there.
func Migrations(db *sql.DB, files fs.FS, versions string) (*goose.Provider, error) {
	// Another node is asked for once a second.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(MigrateTimeout/time.Second)))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
}
