package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// FilePrefix begins the name of a file that has a DSN.
const FilePrefix = "file:"

// Errors of a DSN.
var (
	ErrPassword = errors.New("has a password, which everybody reads who may read the configuration")
	ErrDSN      = errors.New("is no DSN of a database")
	ErrTLS      = errors.New("asks for less than verify-full over a network, so that somebody on the way could read the journal and give a false one")
	ErrFile     = errors.New("names a file that cannot be used")
)

// maxDSN bounds the octets of a file.
const maxDSN = 16 << 10

// CheckDSN returns what is wrong with a DSN as the configuration has it: a URL or a list
// of keywords and values without a password, or "file:" and the path of a file that has
// such a DSN, with or without one. The error never cites what may be a secret.
func CheckDSN(s string) error {
	if !strings.HasPrefix(s, FilePrefix) && hasPassword(s) {
		return ErrPassword
	}
	_, err := parse(s)
	return err
}

// hasPassword reports whether a text may hold a password.
func hasPassword(dsn string) bool {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return true
		}
	}
	return strings.Contains(strings.ToLower(strings.ReplaceAll(dsn, " ", "")), "password=")
}

// Limits of a connection.
const (
	connectTimeout = 10 * time.Second
	maxMessage     = 16 << 20 // of the server, in octets
)

// parse returns the settings of a connection. A file is read each time, so that another
// password is used as soon as it is there.
func parse(s string) (*pgx.ConnConfig, error) {
	if path, ok := strings.CutPrefix(s, FilePrefix); ok {
		text, err := readDSN(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		s = text
	}
	c, err := pgx.ParseConfig(verified(s))
	if err != nil || strings.TrimSpace(s) == "" {
		return nil, ErrDSN // the error may cite it
	}
	if err := secure(&c.Config); err != nil {
		return nil, err
	}
	c.ConnectTimeout = connectTimeout
	// Without prepared statements it also works behind a pool of connections.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxMessage)
		return f
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "postvet"
	}
	return c, nil
}

func readDSN(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s is no absolute path", path)
	}
	f, err := input.OpenRegular(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDSN+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", path, input.Cause(err))
	case len(text) > maxDSN:
		return "", fmt.Errorf("%s is larger than 16 KB", path)
	}
	return strings.TrimSpace(string(text)), nil
}

var sslMode = regexp.MustCompile(`(?i)(^|[\s?&])(sslmode|ssl)\s*=`)

// verified returns a DSN that asks for verify-full if it asks for nothing. A connection
// within this machine is not encrypted by it, see [secure].
func verified(dsn string) string {
	switch {
	case sslMode.MatchString(dsn):
		return dsn
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		sign := "?"
		if strings.Contains(dsn, "?") {
			sign = "&"
		}
		return dsn + sign + "sslmode=" + modeOf(dsn)
	}
	return dsn + " sslmode=" + modeOf(dsn)
}

// modeOf returns verify-full unless all hosts are this machine.
func modeOf(dsn string) string {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return "verify-full"
	}
	for _, f := range hosts(c) {
		if !isThisMachine(f.Host) {
			return "verify-full"
		}
	}
	return "prefer"
}

func hosts(c *pgconn.Config) []*pgconn.FallbackConfig {
	return append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
}

// secure refuses a connection over a network that does not verify the server.
func secure(c *pgconn.Config) error {
	for _, f := range hosts(c) {
		if isThisMachine(f.Host) {
			continue
		}
		if f.TLSConfig == nil || f.TLSConfig.InsecureSkipVerify || f.TLSConfig.ServerName != f.Host {
			return ErrTLS
		}
		f.TLSConfig.MinVersion = max(f.TLSConfig.MinVersion, tls.VersionTLS12)
	}
	return nil
}

// isThisMachine reports whether a host is reached without a network.
func isThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || err == nil && a.IsLoopback()
}
