package dnscache_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestConnectionIsReused(t *testing.T) { undisturbed(t, connectionIsReused) }

func connectionIsReused(t testing.TB) {
	s, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * TRUNCATE", dnscache.Options{Timeout: 5 * time.Second})
	for i := range 200 { // more than the server takes on one connection
		if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
			t.Fatal(i, a.Outcome, a.Err)
		}
	}
	u := r.Stats().Upstreams[0]
	if u.TCP != 200 || u.Connections != 2 || u.Failures != 0 {
		t.Errorf("%d over %d connections, %d failures", u.TCP, u.Connections, u.Failures)
	}
	if n := len(s.Queries()); n < 400 || n > 401 {
		t.Errorf("%d queries", n)
	}
}

func TestConnectionsAreBounded(t *testing.T) { undisturbed(t, connectionsAreBounded) }

func connectionsAreBounded(t testing.TB) {
	_, r, _ := fixture(t, "*.test. TXT x\n$FAULT * * TRUNCATE", dnscache.Options{Timeout: 20 * time.Second, AttemptTimeout: 3 * time.Second, MaxInFlight: 100})
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			if a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT); a.Outcome != dnscache.Found {
				t.Error(i, a.Outcome, a.Err)
			}
		})
	}
	wg.Wait()
	// The server closes a connection after 128 queries.
	if n := r.Stats().Upstreams[0].Connections; n > 8+500/128+8 {
		t.Errorf("%d connections", n)
	}
}

// RFC 7858 and RFC 8310 section 5: an upstream is asked over TLS alone, and only if
// the certificate is for it.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	s, err := dnstest.NewServer("*.test. TXT x\n$FAULT * * AD")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	addr, roots, err := s.ListenTLS("dns.example.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, upstream string
		o              dnscache.Options
		bad            string // of the reason
	}{
		{"right name", "tls://" + addr + "#dns.example.test", dnscache.Options{RootCAs: roots}, ""},
		{"another name", "tls://" + addr + "#dns.example.org", dnscache.Options{RootCAs: roots}, "certificate"},
		{"the address", "tls://" + addr, dnscache.Options{RootCAs: roots}, "certificate"},
		{"nobody vouches", "tls://" + addr + "#dns.example.test", dnscache.Options{}, "certificate"},
		{"no TLS there", "tls://" + s.Addr() + "#dns.example.test", dnscache.Options{RootCAs: roots, Timeout: time.Second}, "dnscache: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Upstreams = []string{c.upstream}
			r := resolver(t, c.o)
			s.Forget()
			for i := range 10 {
				a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
				switch {
				case c.bad == "" && a.Outcome != dnscache.Found:
					t.Fatal(a.Outcome, a.Err)
				case c.bad != "" && (a.Outcome != dnscache.Timeout || !strings.Contains(a.Err.Error(), c.bad)):
					t.Fatal(a.Outcome, a.Err)
				}
				if c.bad != "" {
					break
				}
			}
			for _, q := range s.Queries() {
				if q.Net != "tls" {
					t.Errorf("asked in the clear: %v", q)
				}
			}
			if n := r.Stats().Upstreams[0].Connections; c.bad == "" && n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}
