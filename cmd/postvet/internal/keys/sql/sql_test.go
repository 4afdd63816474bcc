//go:build linux

package sql_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/sql"
	"github.com/postvet/postvet/contrib/keyservers"
)

const (
	password = "open sesame"
	query    = "SELECT selector, private_key FROM dkim WHERE domain = $1 AND enabled ORDER BY id DESC"
)

func fill(t *testing.T, s *keyservers.Server) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	_, err = c.Exec(t.Context(), `CREATE TABLE dkim (id serial, domain text, selector text, private_key text, enabled boolean DEFAULT true);
		INSERT INTO dkim (domain, selector, private_key) VALUES ('example.org', 's1', 'THE OLD KEY'), ('example.org', 's2', 'THE KEY'), ('null.example', 's1', NULL);
		INSERT INTO dkim (domain, selector, private_key, enabled) VALUES ('off.example', 's1', 'KEY', false);
		INSERT INTO dkim (domain, selector, private_key) SELECT 'many.example', 's' || n, 'KEY' FROM generate_series(1, 51) n;
		INSERT INTO dkim (domain, selector, private_key) VALUES ('large.example', 's1', repeat('x', 70000))`)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, password)
	fill(t, server)
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	network := "postgres://postgres@" + host + ":" + port + "/postgres"
	socket := server.DSN("postgres")
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong guess"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, domain string
		opt          sql.Options
		want, err    string
	}{
		{"by the socket", "example.org", sql.Options{DSN: socket, Query: query}, "s2 THE KEY, s1 THE OLD KEY", ""},
		{"with a password", "example.org", sql.Options{DSN: network, PasswordFile: secret, Query: query}, "s2 THE KEY, s1 THE OLD KEY", ""},
		{"unknown", "example.com", sql.Options{DSN: socket, Query: query}, "", ""},
		{"not enabled", "off.example", sql.Options{DSN: socket, Query: query}, "", ""},
		{"no injection", "x' OR '1'='1", sql.Options{DSN: socket, Query: query}, "", ""},
		{"an empty key", "null.example", sql.Options{DSN: socket, Query: query}, "s1 ", ""},
		{"too many", "many.example", sql.Options{DSN: socket, Query: query}, "", "many.example has more than 50 keys"},
		{"too large", "large.example", sql.Options{DSN: socket, Query: query}, "", "a key of large.example is longer than 65536 octets"},
		{"a wrong password", "example.org", sql.Options{DSN: network, PasswordFile: wrong, Query: query}, "", "the database refuses with SQLSTATE 28P01"},
		{"no such table", "example.org", sql.Options{DSN: socket, Query: "SELECT a, b FROM missing WHERE domain = $1"}, "", "the database refuses with SQLSTATE 42P01"},
		{"one column", "example.org", sql.Options{DSN: socket, Query: "SELECT private_key FROM dkim WHERE domain = $1"}, "", "the query gives 1 columns, not selector and private key"},
		{"numbers", "example.org", sql.Options{DSN: socket, Query: "SELECT id, private_key FROM dkim WHERE domain = $1 ORDER BY id"}, "1 THE OLD KEY, 2 THE KEY", ""},
		{"nobody there", "example.org", sql.Options{DSN: "host=/nonexistent user=x dbname=y", Query: query}, "", "*"},
		{"no DSN", "example.org", sql.Options{DSN: "host=a password='" + password, Query: query}, "", "the DSN cannot be read"},
		{"no file of the password", "example.org", sql.Options{DSN: network, PasswordFile: "/nonexistent/p", Query: query}, "", "*"},
		{"a network without TLS", "example.org", sql.Options{DSN: "host=" + host + ".nip.invalid,127.0.0.2 port=" + port + " user=postgres sslmode=disable", Query: query}, "", "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := sql.New(tt.opt)
			defer d.Close()
			limit := time.Minute
			if tt.err == "*" { // some of these wait as long as they may
				limit = 5 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			found, err := d.Ask(ctx, tt.domain)
			var got []string
			for _, k := range found {
				got = append(got, k.Selector+" "+k.Text)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if strings.Join(got, ", ") != tt.want || text != tt.err && (tt.err != "*" || text == "") {
				t.Errorf("%q, error %q", got, text)
			}
			for _, hidden := range []string{password, "THE KEY", "wrong guess"} {
				if strings.Contains(text, hidden) {
					t.Errorf("the error has %q: %s", hidden, text)
				}
			}
		})
	}
}

// TestOutage: a server that hangs or is gone ends a question in time, and one that comes
// back is used without a restart.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, password)
	fill(t, server)
	d := sql.New(sql.Options{DSN: server.DSN("postgres"), Query: query})
	defer d.Close()
	ask := func(limit time.Duration) (int, error, time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		found, err := d.Ask(ctx, "example.org")
		return len(found), err, time.Since(began)
	}
	if n, err, _ := ask(time.Minute); n != 2 || err != nil {
		t.Fatalf("%d keys, %v", n, err)
	}
	server.Stop()
	if n, err, took := ask(time.Second); n != 0 || err == nil || took > 20*time.Second {
		t.Errorf("gone: %d keys, %v after %s", n, err, took)
	}
}

func TestCheckDSN(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"host=/run/postgresql dbname=mail": true, "postgres://postvet@db.example.org/mail": true,
		"postgres://[::1": false, "host='a": false, "port=secret": false,
	} {
		if err := sql.CheckDSN(s); (err == nil) != ok || err != nil && err.Error() != "is no DSN" {
			t.Errorf("%s: %v", s, err)
		}
	}
}
