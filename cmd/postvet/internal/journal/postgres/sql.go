package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"
)

// OpenSQL returns the database for package database/sql. The DSN is read again for each
// connection, and each server is checked. Nothing is known about its tables.
func (d *Database) OpenSQL() *sql.DB { return sql.OpenDB(connector{d}) }

// connector makes connections of a database.
type connector struct{ database *Database }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	settings, err := c.database.settings()
	if err != nil {
		return nil, err
	}
	conn, err := stdlib.GetConnector(*settings).Connect(ctx)
	if err != nil {
		return nil, fault(err)
	}
	if ours, ok := conn.(*stdlib.Conn); ok {
		if err := c.database.checkServer(ctx, ours.Conn()); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

func (connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Describe returns an error of the database as the log and status tell it.
func Describe(err error) error { return fault(err) }

// CreateSchema creates the schema postvet, in which all tables are, if needed.
func (d *Database) CreateSchema(ctx context.Context) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	return fault(createSchema(ctx, conn))
}
