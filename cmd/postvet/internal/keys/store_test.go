package keys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/message"
)

// fakeServer answers as it is told.
type fakeServer struct {
	texts []stored.Key
	err   error
	asked int
}

func (f *fakeServer) Ask(context.Context, string) ([]stored.Key, error) {
	f.asked++
	return f.texts, f.err
}

func (*fakeServer) Close() {}

func pemOf(t *testing.T, key crypto.Signer) string {
	t.Helper()
	return block("PRIVATE KEY", pkcs8(t, key))
}

// TestOnServer: what a server says is parsed once, a text that is no key keeps the old
// one, keys sign in their time alone, and nothing of a text is told.
func TestOnServer(t *testing.T) {
	t.Parallel()
	good := pemOf(t, edKey())
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		f := &fakeServer{texts: []stored.Key{
			{Domain: "example.org", Selector: "s1", Text: good},
			{Domain: "example.org", Selector: "s2", Text: good, From: now.Add(time.Minute), Until: now.Add(time.Hour)},
		}}
		s := OnServer("sign.sql", f)
		ask := func() string {
			found, err := s.Keys(t.Context(), message.Mailbox{Local: "ann", Domain: "example.org"})
			text := names(found)
			if err != nil {
				text += " " + err.Error()
			}
			return text
		}
		const both = "s1._domainkey.example.org ed25519, s2._domainkey.example.org ed25519"
		steps := []struct {
			name   string
			change func()
			wait   time.Duration
			want   string
		}{
			{"one key is not yet valid", func() {}, 0, "s1._domainkey.example.org ed25519"},
			{"a minute later it is", func() {}, time.Minute, both},
			{"broken texts", func() {
				f.texts = []stored.Key{{Domain: "example.org", Selector: "s1", Text: "OPEN SESAME"}, f.texts[1]}
			}, 5 * time.Minute, both + " sign.sql: not a private key: expected PEM that begins with -----BEGIN PRIVATE KEY-----, as openssl genpkey writes it"},
			{"down", func() { f.err = errors.New("connection refused") }, 5 * time.Minute, both + " sign.sql: connection refused"},
			{"an hour later one has ended", func() {}, time.Hour, "s1._domainkey.example.org ed25519 sign.sql: connection refused"},
			{"back, without keys", func() { f.err, f.texts = nil, nil }, time.Minute, ""},
			{"a foreign selector", func() { f.texts = []stored.Key{{Domain: "example.org", Selector: "../x", Text: good}} }, time.Minute, ` sign.sql: "example.org" and "../x" are no domain and selector in lower case and A-labels`},
		}
		for _, st := range steps {
			st.change()
			time.Sleep(st.wait)
			if got := ask(); got != st.want {
				t.Fatalf("%s: %s, want %s", st.name, got, st.want)
			}
		}
		for range 1000 {
			ask()
		}
		if f.asked > 10 {
			t.Errorf("asked %d times", f.asked)
		}
		if _, err := s.Keys(t.Context(), message.Mailbox{Domain: "../x"}); err == nil {
			t.Error("a domain that is none was asked for")
		}
	})
}

// TestChain: the first store with keys answers, and a store that fails does not hide the
// next.
func TestChain(t *testing.T) {
	t.Parallel()
	broken := OnServer("sign.redis", &fakeServer{err: errors.New("connection refused")})
	empty := OnServer("sign.vault", &fakeServer{})
	full := OnServer("sign.sql", &fakeServer{texts: []stored.Key{{Domain: "example.org", Selector: "s1", Text: pemOf(t, edKey())}}})
	for _, tt := range []struct {
		chain Chain
		keys  int
		err   string
	}{
		{Chain{empty, full}, 1, ""},
		{Chain{broken, full}, 1, "sign.redis: connection refused"},
		{Chain{empty, broken}, 0, "sign.redis: connection refused"},
		{Chain{empty}, 0, ""},
		{nil, 0, ""},
	} {
		found, err := tt.chain.Keys(t.Context(), message.Mailbox{Domain: "example.org"})
		if text := fmt.Sprint(err); len(found) != tt.keys || err == nil && tt.err != "" || err != nil && text != tt.err {
			t.Errorf("%d keys, %v; want %d, %s", len(found), err, tt.keys, tt.err)
		}
	}
}

// TestShared: the key signs for those whose DNS shows it, and goes on while the DNS fails.
func TestShared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "pv1.pem")
	key := edKey()
	store(t, path, key, 0o640)
	own, err := NewKey("provider.example", "pv1", path, key)
	if err != nil {
		t.Fatal(err)
	}
	zone := func(faults string) string {
		return "$TTL 1\n" + dnstest.TXT("pv1._domainkey.provider.example", own.Record()) +
			"pv1._domainkey.customer.example. IN CNAME pv1._domainkey.provider.example.\n" +
			dnstest.TXT("pv1._domainkey.other.example", strings.Replace(own.Record(), "p=", "p=AAAA", 1)) +
			dnstest.TXT("pv1._domainkey.revoked.example", "v=DKIM1; k=ed25519; p=") +
			dnstest.TXT("pv1._domainkey.twice.example", own.Record()) + dnstest.TXT("pv1._domainkey.twice.example", "v=DKIM1; p=") +
			"$FAULT pv1._domainkey.fails.example TXT SERVFAIL\n" + faults
	}
	_, r := dnstest.Start(t, zone(""))
	s := NewShared(NewFiles(true), path, "pv1", r)
	ask := func(domain string) string {
		found, err := s.Keys(t.Context(), message.Mailbox{Local: "ann", Domain: domain})
		if err != nil {
			return names(found) + " " + err.Error()
		}
		return names(found)
	}
	for domain, want := range map[string]string{
		"customer.example": "pv1._domainkey.customer.example ed25519",
		"provider.example": "pv1._domainkey.provider.example ed25519",
		"other.example":    "",
		"revoked.example":  "",
		"twice.example":    "",
		"unknown.example":  "",
		"fails.example":    " pv1._domainkey.fails.example could not be looked up: servfail",
	} {
		if got := ask(domain); got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
	_, s.resolver = dnstest.Start(t, zone("$FAULT pv1._domainkey.customer.example TXT SERVFAIL\n"))
	if got := ask("customer.example"); got != "pv1._domainkey.customer.example ed25519" {
		t.Errorf("while the DNS fails: %q", got)
	}
	_, s.resolver = dnstest.Start(t, dnstest.TXT("x.example", "x"))
	if got := ask("customer.example"); got != "" {
		t.Errorf("a customer who has left: %q", got)
	}
	_, s.resolver = dnstest.Start(t, zone("$FAULT pv1._domainkey.customer.example TXT SERVFAIL\n"))
	if got := ask("customer.example"); !strings.HasSuffix(got, "could not be looked up: servfail") {
		t.Errorf("who left and whose DNS fails: %q", got)
	}
}
