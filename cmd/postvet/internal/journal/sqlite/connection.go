package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// source returns the data source name for a file. SQL in the file itself, such as a view
// that a stranger put there, must not do harm (trusted_schema).
func source(path, mode string, pragmas ...string) string {
	pragmas = append([]string{"trusted_schema(0)"}, pragmas...)
	if !slices.ContainsFunc(pragmas, func(p string) bool { return strings.HasPrefix(p, "busy_timeout") }) {
		pragmas = append(pragmas, fmt.Sprintf("busy_timeout(%d)", busyTimeout))
	}
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// busyTimeout is how long a writer waits for a lock, in milliseconds.
const busyTimeout = 10_000

// busyUntil returns how long a reader waits for a file that another process has locked: a part of
// the time that is left, as it may read several files. SQLite waits no matter whether the context
// ends meanwhile.
func busyUntil(ctx context.Context) string {
	wait := int64(busyTimeout)
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, max(10, time.Until(end).Milliseconds()/4))
	}
	return fmt.Sprintf("busy_timeout(%d)", wait)
}

// maxLog is the size of a log at which SQLite copies it into its file; the store does so once
// a minute anyway. Pages of an index that change again and again are copied once then.
const maxLog = 32 << 20

// openFile opens a file that exists for package database/sql.
func openFile(path, mode string, pragmas ...string) (*sql.DB, error) {
	if err := regular(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", source(path, mode, pragmas...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// regular returns an error if a file is not there, or if it or one that belongs to it is no
// regular file: opening a named pipe may wait for ever.
func regular(path string) error {
	for i, s := range suffixes {
		info, err := os.Stat(path + s)
		if err != nil && i == 0 {
			return err
		}
		if err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is no regular file", errDamaged, path+s)
		}
	}
	return nil
}

// connection is an open file.
type connection struct {
	*handle
	info os.FileInfo
}

// isAt reports whether a path still leads to the open file. If somebody has removed the file,
// what is written into it is lost.
func (c connection) isAt(path string) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, c.info) || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// openConnection opens a file to be written and creates it if needed, with pages of a size.
func openConnection(path string, pageSize int) (connection, error) {
	if err := regular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return connection{}, err
	}
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would let the group read
	if err != nil {
		return connection{}, err
	}
	info, err := made.Stat()
	made.Close()
	if err != nil {
		return connection{}, err
	}
	h, err := openHandle(path)
	if err != nil {
		return connection{}, classify(err)
	}
	c := connection{h, info}
	if err := c.setUp(pageSize); err != nil {
		_ = c.close()
		return connection{}, classify(err)
	}
	return c, nil
}

// setUp gives a new file its page size, and each file a log. SQLite forgets the size if the
// log comes before the first page.
func (c connection) setUp(pageSize int) error {
	err := c.exec(fmt.Sprintf("PRAGMA trusted_schema = 0; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = %d; PRAGMA cache_size = -4096; PRAGMA secure_delete = 0", maxLog))
	if err != nil {
		return err
	}
	pages, err := c.number("PRAGMA page_count")
	if err == nil && pages == 0 {
		err = c.exec(fmt.Sprintf("PRAGMA page_size = %d; PRAGMA user_version = 0", pageSize))
	}
	if err != nil {
		return err
	}
	return c.exec(fmt.Sprintf("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = %d", maxLog/pageSize))
}

// classify returns errDamaged for an error that says so of a file.
func classify(err error) error {
	if isDamage(err) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}
