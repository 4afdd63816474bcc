//go:build linux

package redis_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/redis"
	"github.com/postvet/postvet/contrib/keyservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fill stores hashes, as "HASH FIELD VALUE" each.
func fill(t *testing.T, o valkey.ClientOption, rows ...string) {
	t.Helper()
	o.DisableCache, o.ForceSingleClient = true, true
	c, err := valkey.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, row := range rows {
		part := strings.SplitN(row, " ", 3)
		if err := c.Do(t.Context(), c.B().Hset().Key(part[0]).FieldValue().FieldValue(part[1], part[2]).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	const password = "open sesame"
	server := keyservers.Redis(t, `requirepass "`+password+`"`)
	fill(t, valkey.ClientOption{InitAddress: []string{server.Address}, Password: password, SelectDB: 3},
		"DKIM_SELECTORS example.org s1", "DKIM_PRIV_KEYS s1.example.org THE KEY",
		"DKIM_PRIV_KEYS dkim.example.net ANOTHER", "DKIM_SELECTORS half.example s2",
		"DKIM_PRIV_KEYS dkim.large.example "+strings.Repeat("x", 70000), "list x y")
	secret := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(password + "\n")
	base := redis.Options{Address: server.Address, PasswordFile: secret, Database: 3, Keys: "DKIM_PRIV_KEYS", Selectors: "DKIM_SELECTORS", Selector: "dkim"}
	tests := []struct {
		name, domain string
		change       func(*redis.Options)
		want, err    string
	}{
		{"a selector of its own", "example.org", func(*redis.Options) {}, "s1 THE KEY", ""},
		{"the common selector", "example.net", func(*redis.Options) {}, "dkim ANOTHER", ""},
		{"by the socket", "example.net", func(o *redis.Options) { o.Address = "unix:" + server.Socket }, "dkim ANOTHER", ""},
		{"no hash of selectors", "example.net", func(o *redis.Options) { o.Selectors = "" }, "dkim ANOTHER", ""},
		{"a selector without a key", "half.example", func(*redis.Options) {}, "", ""},
		{"unknown", "example.com", func(*redis.Options) {}, "", ""},
		{"another database", "example.org", func(o *redis.Options) { o.Database = 0 }, "", ""},
		{"not a hash", "example.org", func(o *redis.Options) { o.Keys, o.Selectors = "list", "" }, "", ""},
		{"too large", "large.example", func(*redis.Options) {}, "", "the key of large.example is longer than 65536 octets"},
		{"no password", "example.org", func(o *redis.Options) { o.PasswordFile = "" }, "", server.Address + " refuses: NOAUTH"},
		{"no file of the password", "example.org", func(o *redis.Options) { o.PasswordFile = "/nonexistent/p" }, "", server.Address + ": /nonexistent/p: no such file or directory"},
		{"nobody there", "example.org", func(o *redis.Options) { o.Address = "unix:/nonexistent/redis.sock" }, "", "unix:/nonexistent/redis.sock: dial unix /nonexistent/redis.sock: connect: no such file or directory"},
		{"TLS where there is none", "example.org", func(o *redis.Options) { o.Address = "tls://" + server.Address }, "", "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := base
			tt.change(&o)
			s := redis.New(o)
			defer s.Close()
			found, err := s.Ask(t.Context(), tt.domain)
			got := ""
			for _, k := range found {
				got = k.Selector + " " + k.Text
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got != tt.want || text != tt.err && (tt.err != "*" || text == "") {
				t.Errorf("%q, error %q", got, text)
			}
			if strings.Contains(text, password) {
				t.Errorf("the error has the password: %s", text)
			}
		})
	}
	write("wrong guess")
	s := redis.New(base)
	defer s.Close()
	if _, err := s.Ask(t.Context(), "example.org"); err == nil || !strings.HasSuffix(err.Error(), "refuses: WRONGPASS") {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestOutage: a server that hangs or is gone ends a question in time, and one that comes
// back is used without a restart.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := keyservers.Redis(t)
	fill(t, valkey.ClientOption{InitAddress: []string{server.Address}}, "K dkim.example.org KEY")
	s := redis.New(redis.Options{Address: server.Address, Keys: "K", Selector: "dkim"})
	defer s.Close()
	ask := func(limit time.Duration) (int, error, time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		found, err := s.Ask(ctx, "example.org")
		return len(found), err, time.Since(began)
	}
	if n, err, _ := ask(time.Minute); n != 1 || err != nil {
		t.Fatalf("%d keys, %v", n, err)
	}
	if err := server.Hang(); err != nil {
		t.Fatal(err)
	}
	if n, err, took := ask(time.Second); n != 0 || err == nil || took > 20*time.Second {
		t.Errorf("hanging: %d keys, %v after %s", n, err, took)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n, err, _ := ask(time.Second)
		if n == 1 && err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("back: %d keys, %v", n, err)
		}
	}
	server.Stop()
	if n, err, took := ask(time.Second); n != 0 || err == nil || took > 20*time.Second {
		t.Errorf("gone: %d keys, %v after %s", n, err, took)
	}
}
