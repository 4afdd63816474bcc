package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// OpenShared opens a file for package database/sql that several processes may write, and
// creates it and its directory if needed. It refuses one on a network. A transaction waits
// at its beginning until no other one writes. A loss of power may cost the last
// transactions, never the file.
func OpenShared(path string) (*sql.DB, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if kind := networkOf(dir); kind != "" {
		return nil, fmt.Errorf("%s is on a network (%s), where SQLite's locks and shared memory do not work; name a directory on a local disk", dir, kind)
	}
	if err := regular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	made, err := OpenOrMake(path) // SQLite would let the group read
	if err != nil {
		return nil, err
	}
	made.Close()
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "journal_mode(WAL)", "synchronous(NORMAL)", "trusted_schema(0)",
		fmt.Sprintf("journal_size_limit(%d)", maxLog), fmt.Sprintf("wal_autocheckpoint(%d)", maxLog/4096), "cache_size(-32768)",
	}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
}

// IsDamage reports whether an error says that a file is damaged.
func IsDamage(err error) bool { return errors.Is(err, errDamaged) || isDamage(err) }
