package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postvet/postvet/policy/foreign"
)

// oldest is the oldest version of PostgreSQL that is used.
const oldest = 13

// Database is a database for the journals of several nodes.
type Database struct {
	// DSN is as in the configuration, see [CheckDSN].
	DSN string
	// pool has the connections of readers; nil if each makes its own.
	pool *pool
	// atLeast and schema are for tests: the version of PostgreSQL that is demanded, and
	// that of the tables.
	atLeast int
	schema  int64
}

// settings returns the settings of a connection. The file of a DSN is read each time.
func (d *Database) settings() (*pgx.ConnConfig, error) {
	c, err := parse(d.DSN)
	if err != nil {
		return nil, fmt.Errorf("journal.postgres %w", err)
	}
	return c, nil
}

// connect returns a connection to a server that can be used. Nothing is known about its
// tables.
func (d *Database) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := d.settings()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fault(err)
	}
	if err := d.checkServer(ctx, conn); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// Connect returns a connection to a database with the tables of this version.
func (d *Database) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.checkSchema(ctx, conn); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// closeConn closes a connection, also one over which nothing comes any more.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func (d *Database) checkServer(ctx context.Context, conn *pgx.Conn) error {
	var version, encoding, readOnly string
	err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num'), current_setting('server_encoding'), current_setting('transaction_read_only')").Scan(&version, &encoding, &readOnly)
	if err != nil {
		return fault(err)
	}
	n, err := strconv.Atoi(version)
	switch least := max(d.atLeast, oldest); {
	case err != nil || n < least*10000:
		return fmt.Errorf("the server is PostgreSQL %d; %d or newer is needed", n/10000, least)
	case encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s; create one with UTF8", foreign.Terminal(encoding, 32))
	case readOnly == "on":
		return errors.New("the database can only be read, as a standby; name the primary server, or both with target_session_attrs=read-write")
	}
	return nil
}

// fault returns an error as the log and status tell it.
func fault(err error) error {
	var server *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &server):
		return fmt.Errorf("the database says %q (SQLSTATE %s); %s", foreign.Terminal(server.Message, 200), server.Code, remedy(server.Code))
	case errors.As(err, &connect):
		return fmt.Errorf("the database cannot be reached: %w", errors.Unwrap(connect))
	}
	return fmt.Errorf("the database: %w", err)
}

// remedy returns what to do about an answer of the server, by its SQLSTATE.
func remedy(code string) string {
	switch code[:min(2, len(code))] {
	case "28":
		return "check user and password in the DSN, and pg_hba.conf"
	case "3D":
		return "create the database"
	case "42":
		return "the role must own the schema postvet, see postvet-journal(5)"
	case "53":
		return "the server needs room"
	case "57", "08":
		return "the server was stopped, or a limit of time is over"
	case "25":
		return "the server can only be read"
	}
	return "see the server's log"
}
