// Package sql asks a PostgreSQL database for keys.
package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
)

// Options say where the database is and what it is asked.
type Options struct {
	// DSN has no password. PasswordFile has it, or is "".
	DSN, PasswordFile string
	// CAFile has the certificates that sign the server's, "" for those of the system.
	CAFile string
	// Query gives selector and private key for the domain $1.
	Query string
}

// Database is the database. It connects when it is first asked.
type Database struct {
	opt Options

	mu     sync.Mutex
	pool   *pgxpool.Pool
	closed bool
}

const (
	timeout        = 2 * time.Second // of a connection attempt
	maxConnections = 4
)

// CheckDSN reports whether a DSN can be read.
func CheckDSN(dsn string) error {
	if _, err := pgxpool.ParseConfig(dsn); err != nil {
		return errors.New("is no DSN") // the error may cite it
	}
	return nil
}

// New returns the database.
func New(o Options) *Database { return &Database{opt: o} }

// Close ends the connections.
func (d *Database) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.pool != nil {
		d.pool.Close()
	}
}

// Ask returns the keys of a domain in the order of the rows. The error holds nothing of
// the password or a key.
func (d *Database) Ask(ctx context.Context, domain string) ([]stored.Key, error) {
	pool, err := d.connect()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, d.opt.Query, domain)
	if err != nil {
		return nil, fault(err)
	}
	defer rows.Close()
	var found []stored.Key
	for rows.Next() {
		k := stored.Key{Domain: domain, Origin: "the database"}
		if len(rows.FieldDescriptions()) != 2 {
			return nil, fmt.Errorf("the query gives %d columns, not selector and private key", len(rows.FieldDescriptions()))
		}
		var text []byte
		if err := rows.Scan(&k.Selector, &text); err != nil {
			return nil, errors.New("the query gives no selector and private key as texts")
		}
		switch k.Text = string(text); {
		case len(k.Text) > stored.MaxText:
			return nil, fmt.Errorf("a key of %s is longer than %d octets", domain, stored.MaxText)
		case len(found) == stored.MaxKeys:
			return nil, fmt.Errorf("%s has more than %d keys", domain, stored.MaxKeys)
		}
		found = append(found, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fault(err)
	}
	return found, nil
}

// connect returns the connections, which mend themselves.
func (d *Database) connect() (*pgxpool.Pool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, errors.New("closed")
	case d.pool != nil:
		return d.pool, nil
	}
	c, err := pgxpool.ParseConfig(d.opt.DSN)
	if err != nil {
		return nil, errors.New("the DSN cannot be read")
	}
	if err := d.secure(&c.ConnConfig.Config); err != nil {
		return nil, err
	}
	c.MaxConns, c.MinConns = maxConnections, 0
	c.ConnConfig.ConnectTimeout = timeout
	c.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(&bounded{r: r}, w)
	}
	// Without prepared statements it also works behind a pool of connections.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		password, err := stored.Secret(d.opt.PasswordFile)
		if password != "" {
			cc.Password = password
		}
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fault(err)
	}
	d.pool = pool
	return pool, nil
}

// secure has every connection over a network check the server's certificate. Otherwise
// somebody on the way could give keys of his own.
func (d *Database) secure(c *pgconn.Config) error {
	var hosts []*pgconn.FallbackConfig
	for _, f := range append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...) {
		if !isThisMachine(f.Host) {
			if n := len(hosts); n > 0 && hosts[n-1].Host == f.Host && hosts[n-1].Port == f.Port {
				continue // the same without TLS
			}
			var err error
			if f.TLSConfig, err = stored.TLS(f.Host, d.opt.CAFile); err != nil {
				return err
			}
		}
		hosts = append(hosts, f)
	}
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = hosts[0].Host, hosts[0].Port, hosts[0].TLSConfig, hosts[1:]
	return nil
}

// isThisMachine reports whether a host is reached without a network.
func isThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || err == nil && a.IsLoopback()
}

// fault returns an error without the parts that may cite the query or a row.
func fault(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return fmt.Errorf("the database refuses with SQLSTATE %s", server.Code)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the database cannot be reached: %w", errors.Unwrap(connect))
	}
	return fmt.Errorf("the database: %w", err)
}
