package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckDSN(t *testing.T) {
	for name, x := range map[string]struct {
		dsn  string
		want error
	}{
		"socket":                   {"host=/run/postgresql dbname=postvet", nil},
		"socket in a URL":          {"postgres:///postvet?host=/run/postgresql", nil},
		"loopback":                 {"host=127.0.0.1 user=postvet", nil},
		"loopback, without TLS":    {"host=::1 sslmode=disable", nil},
		"network, nothing said":    {"postgres://postvet@db.example.org/postvet", nil},
		"network, another option":  {"postgres://postvet@db.example.org/postvet?connect_timeout=3", nil},
		"network, words":           {"host=db.example.org user=postvet", nil},
		"network, verify-full":     {"postgres://postvet@db.example.org/postvet?sslmode=verify-full", nil},
		"network, verify-ca":       {"postgres://postvet@db.example.org/postvet?sslmode=verify-ca", ErrTLS},
		"network, require":         {"host=db.example.org sslmode=require", ErrTLS},
		"network, prefer":          {"host=db.example.org sslmode = prefer", ErrTLS},
		"network, allow":           {"host=db.example.org sslmode='allow'", ErrTLS},
		"network, disable":         {"postgres://db.example.org/postvet?sslmode=disable", ErrTLS},
		"two, one without TLS":     {"host=/run/postgresql,db.example.org sslmode=disable", ErrTLS},
		"two, nothing said":        {"host=/run/postgresql,db.example.org", nil},
		"two of the network":       {"postgres://db1.example.org,db2.example.org/postvet", nil},
		"password in a URL":        {"postgres://postvet:KEY@db.example.org/postvet", ErrPassword},
		"password as a word":       {"host=db.example.org password = KEY", ErrPassword},
		"password as an option":    {"postgres://db.example.org/postvet?password=KEY", ErrPassword},
		"no DSN":                   {"KEY", ErrDSN},
		"port":                     {"host=db.example.org port=KEY", ErrDSN},
		"mode":                     {"host=db.example.org sslmode=KEY", ErrDSN},
		"empty":                    {"  ", ErrDSN},
		"file that does not exist": {"file:/nonexistent/journal.dsn", ErrFile},
		"relative file":            {"file:journal.dsn", ErrFile},
	} {
		err := CheckDSN(x.dsn)
		if !errors.Is(err, x.want) || err != nil && strings.Contains(err.Error(), "KEY") {
			t.Errorf("%s: %q gives %v, want %v", name, x.dsn, err, x.want)
		}
	}
}

// TestDSNFile: a file may have a password, and asks for verify-full as well.
func TestDSNFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.dsn")
	for text, want := range map[string]error{
		"postgres://postvet:KEY@db.example.org/postvet\n":                 nil,
		"host=db.example.org user=postvet password=KEY\n":                 nil,
		"postgres://postvet:KEY@db.example.org/postvet?sslmode=require\n": ErrTLS,
		"":                             ErrDSN,
		"host=db.example.org port=KEY": ErrDSN,
		strings.Repeat("KEY", 10_000):  ErrFile,
	} {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		if err := CheckDSN(FilePrefix + path); !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "KEY") {
			t.Errorf("%.60q gives %v, want %v", text, err, want)
		}
	}
}
