package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// source returns the data source name for a file. SQL in the file itself, such as a view
// that a stranger put there, must not do harm (trusted_schema).
func source(path, mode string, pragmas ...string) string {
	pragmas = append([]string{"trusted_schema(0)"}, pragmas...)
	if !slices.ContainsFunc(pragmas, func(p string) bool { return strings.HasPrefix(p, "busy_timeout") }) {
		pragmas = append(pragmas, "busy_timeout(10000)")
	}
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// connection is an open file. The driver is used without database/sql, which would cost as
// much as a row itself.
type connection struct{ conn driver.Conn }

// openConnection opens a file to be written and creates it if needed, with pages of a size.
func openConnection(path string, pageSize int) (connection, error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would let the group read
	if err != nil {
		return connection{}, err
	}
	made.Close()
	conn, err := connect(source(path, "rw",
		"synchronous(NORMAL)", "journal_size_limit(16777216)", "cache_size(-4096)", "secure_delete(0)"))
	if err != nil {
		return connection{}, classify(err)
	}
	c := connection{conn}
	if err := c.setUp(pageSize); err != nil {
		c.conn.Close()
		return connection{}, classify(err)
	}
	return c, nil
}

// setUp gives a new file its page size, and each file a log. SQLite forgets the size if the
// log comes before the first page.
func (c connection) setUp(pageSize int) error {
	pages, err := c.number("PRAGMA page_count")
	if err == nil && pages == 0 {
		err = c.exec(fmt.Sprintf("PRAGMA page_size = %d; PRAGMA user_version = 0", pageSize))
	}
	if err != nil {
		return err
	}
	return c.exec("PRAGMA journal_mode = WAL")
}

func (c connection) exec(query string, args ...any) error {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	_, err := c.conn.(driver.ExecerContext).ExecContext(context.Background(), query, values)
	return err
}

// number returns the first column of the first row of a query.
func (c connection) number(query string) (int64, error) {
	lines, err := c.conn.(driver.QueryerContext).QueryContext(context.Background(), query, nil)
	if err != nil {
		return 0, err
	}
	defer lines.Close()
	values := make([]driver.Value, len(lines.Columns()))
	if err := lines.Next(values); err != nil {
		return 0, err
	}
	n, _ := values[0].(int64)
	return n, nil
}

// classify returns errDamaged for an error that says so of a file.
func classify(err error) error {
	if isDamage(err) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// statement is a prepared statement with its arguments.
type statement struct {
	driver.Stmt
	args []driver.NamedValue
}

// prepared returns a statement with a number of arguments.
func (c connection) prepared(query string, n int) (*statement, error) {
	stmt, err := c.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: stmt, args: make([]driver.NamedValue, n)}
	for i := range s.args {
		s.args[i].Ordinal = i + 1
	}
	return s, nil
}

// set sets an argument; the first one is 0.
func (s *statement) set(i int, v driver.Value) { s.args[i].Value = v }

func (s *statement) exec() error {
	_, err := s.Stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	return err
}

func (s *statement) close() { _ = s.Stmt.Close() }
