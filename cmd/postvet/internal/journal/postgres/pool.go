package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The bounds of a pool.
const (
	poolConnections = 4
	poolIdle        = 5 * time.Minute
	poolLife        = 30 * time.Minute
	poolClose       = 5 * time.Second // of the wait for readers and the server at the end
)

// pool is a few connections for readers. They are made when they are first needed.
type pool struct {
	mu     sync.Mutex
	conns  *pgxpool.Pool
	closed bool
}

// NewPool returns a database whose readers share a few connections: Reader, Nodes and Patterns. A
// reader whose time ends while it waits for a new connection leaves it to the next one. All else
// has a connection of its own. Close ends the connections.
func NewPool(dsn string) *Database { return &Database{DSN: dsn, pool: &pool{}} }

// errClosed refuses a connection of a pool after Close.
var errClosed = errors.New("the service is stopping")

// acquire returns a connection for a reader to a database with the tables of this version, and the
// function that gives it back.
func (d *Database) acquire(ctx context.Context) (*pgx.Conn, func(), error) {
	if d.pool == nil {
		conn, err := d.Connect(ctx)
		return conn, func() { closeConn(conn) }, err
	}
	conns, err := d.openPool()
	if err != nil {
		return nil, nil, err
	}
	for try := 0; ; try++ {
		c, err := conns.Acquire(ctx)
		if err != nil {
			return nil, nil, describedOf(err)
		}
		// The server may have ended the connection, or somebody has changed the tables.
		if err = d.checkSchema(ctx, c.Conn()); err == nil {
			return c.Conn(), c.Release, nil
		}
		ended := c.Conn().IsClosed()
		c.Release() // which removes a closed one
		if !ended || ctx.Err() != nil || try == poolConnections {
			return nil, nil, err
		}
	}
}

// openPool returns the connections of the pool.
func (d *Database) openPool() (*pgxpool.Pool, error) {
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	switch {
	case d.pool.closed:
		return nil, errClosed
	case d.pool.conns != nil:
		return d.pool.conns, nil
	}
	settings, err := d.settings()
	if err != nil {
		return nil, err
	}
	c, err := pgxpool.ParseConfig(settings.ConnString())
	if err != nil {
		return nil, ErrDSN // the error may cite it
	}
	c.ConnConfig, c.MaxConns, c.MinConns, c.MinIdleConns = settings, poolConnections, 0, 0
	c.MaxConnIdleTime, c.MaxConnLifetime, c.MaxConnLifetimeJitter = poolIdle, poolLife, poolLife/10
	c.HealthCheckPeriod = time.Minute
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // see acquire
	c.BeforeConnect = func(_ context.Context, now *pgx.ConnConfig) error {
		settings, err := d.settings()
		if err != nil {
			return described{err}
		}
		*now = *settings
		return nil
	}
	// The context has no end: a reader whose time is over leaves the connection to the next one.
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		if err := d.checkServer(ctx, conn); err != nil {
			closeConn(conn)
			return described{err}
		}
		return nil
	}
	c.BeforeClose = closeConn // which waits a second, not the 15 of the pool
	d.pool.conns, err = pgxpool.NewWithConfig(context.Background(), c)
	return d.pool.conns, err
}

// described is an error in the words of this package.
type described struct{ error }

// describedOf returns an error of the pool as the log and status tell it.
func describedOf(err error) error {
	var d described
	if errors.As(err, &d) {
		return d.error
	}
	return fault(err)
}

// Reset has readers make their connections anew, as the DSN may have changed. Those in use are
// closed once they are given back.
func (d *Database) Reset() {
	if d == nil || d.pool == nil {
		return
	}
	d.pool.mu.Lock()
	defer d.pool.mu.Unlock()
	if d.pool.conns != nil {
		d.pool.conns.Reset()
	}
}

// Close closes the connections of readers. It waits some seconds for those in use.
func (d *Database) Close() {
	if d == nil || d.pool == nil {
		return
	}
	d.pool.mu.Lock()
	conns := d.pool.conns
	d.pool.closed = true
	d.pool.mu.Unlock()
	if conns == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conns.Close()
	}()
	select {
	case <-done:
	case <-time.After(poolClose):
	}
}
