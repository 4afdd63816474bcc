package dnscache_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]dnscache.Options{
		"Upstreams":      {Upstreams: []string{"dns.example.org:53"}},
		"Timeout":        {Timeout: -1},
		"AttemptTimeout": {AttemptTimeout: time.Minute},
		"MaxBytes":       {MaxBytes: 1},
		"MinTTL":         {MinTTL: -1},
		"MaxTTL":         {MaxTTL: time.Second},
		"NegativeTTL":    {NegativeTTL: 48 * time.Hour},
		"FailureTTL":     {FailureTTL: 6 * time.Minute},
		"MaxStale":       {MaxStale: 8 * 24 * time.Hour},
		"MaxInFlight":    {MaxInFlight: -1},
	} {
		if _, err := dnscache.New(o); err == nil || !strings.HasPrefix(err.Error(), "dnscache: "+want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := dnscache.New(dnscache.Options{}); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func TestUpstreamNotations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, want string }{
		{"127.0.0.1", "127.0.0.1:53"},
		{"127.0.0.1:5353", "127.0.0.1:5353"},
		{"::1", "[::1]:53"},
		{"[::1]", "[::1]:53"},
		{"[::1]:53", "[::1]:53"},
		{"localhost", "127.0.0.1:53"},
		{"localhost:53", "127.0.0.1:53"},
		{"fe80::1%lo", "[fe80::1%lo]:53"},
		{"tls://9.9.9.9", "tls://9.9.9.9:853"},
		{"tls://9.9.9.9:853#DNS.quad9.net", "tls://9.9.9.9:853#dns.quad9.net"},
		{"tls://2620:fe::fe#dns.quad9.net", "tls://[2620:fe::fe]:853#dns.quad9.net"},
		{"tls://[2620:fe::fe]:8853#2620:fe::9", "tls://[2620:fe::fe]:8853#2620:fe::9"},
		{"", ""},
		{"127.0.0.1:0", ""},
		{"127.0.0.1:65536", ""},
		{"127.0.0.1#name", ""},
		{"tls://", ""},
		{"tls://dns.quad9.net", ""},
		{"tls://9.9.9.9#", ""},
		{"tls://9.9.9.9#a b", ""},
		{"tls://9.9.9.9#a..b", ""},
		{"https://9.9.9.9", ""},
	} {
		r, err := dnscache.New(dnscache.Options{Upstreams: []string{c.from}})
		switch {
		case c.want == "":
			if err == nil {
				t.Errorf("%q is taken", c.from)
			}
		case err != nil:
			t.Errorf("%q: %v", c.from, err)
		case r.Stats().Upstreams[0].Addr != c.want:
			t.Errorf("%q: got %q, want %q", c.from, r.Stats().Upstreams[0].Addr, c.want)
		}
	}
}

// resolv.conf is read again when it changes. A file without name servers changes
// nothing.
func TestResolvConfIsReread(t *testing.T) { undisturbed(t, resolvConfIsReread) }

func resolvConfIsReread(t testing.TB) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.InfoLevel)
	clock := &clock{}
	// The port is 53 in a resolv.conf, so nobody answers in this test, and the file is
	// read again at once.
	r := resolver(t, dnscache.Options{ResolvConf: file, Timeout: time.Second, Now: clock.now, Logger: zap.New(core)})
	upstreams := func() string {
		var addrs []string
		for _, u := range r.Stats().Upstreams {
			addrs = append(addrs, u.Addr)
		}
		return strings.Join(addrs, " ")
	}
	step := func(after time.Duration, want string) {
		t.Helper()
		clock.advance(after)
		r.Flush(".")
		r.Lookup(t.Context(), "a.test", dnscache.A)
		if got := upstreams(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	step(0, "127.0.0.1:53")
	write("nameserver 127.0.0.2\nnameserver ::1\nsearch example.org\n")
	step(time.Second, "127.0.0.2:53 [::1]:53")
	write("# nothing\n")
	step(5*time.Second, "127.0.0.2:53 [::1]:53")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	step(5*time.Second, "127.0.0.2:53 [::1]:53")
	write("nameserver ::1\nnameserver not-an-address\noptions ndots:0\n" + strings.Repeat("# long\n", 20_000))
	step(5*time.Second, "[::1]:53")
	if n := r.Stats().Upstreams[0].Queries; n == 0 {
		t.Error("what was known of a resolver that stays is lost")
	}
	if n := logs.FilterMessage("dns resolvers changed").Len(); n != 2 {
		t.Errorf("said so %d times", n)
	}
}

func TestResolvConfIsForDefaultsOnly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver 127.0.0.2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, r, clock := fixture(t, "a.test. TXT x", dnscache.Options{ResolvConf: file})
	clock.advance(time.Minute)
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || r.Stats().Upstreams[0].Addr != s.Addr() {
		t.Errorf("%v from %v", a.Outcome, r.Stats().Upstreams[0].Addr)
	}
}
