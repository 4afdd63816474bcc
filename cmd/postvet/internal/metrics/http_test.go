package metrics

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

func get(m *Metrics, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m.handler(zap.NewNop()).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// scrape returns the values of the page by series, with their labels.
func scrape(t *testing.T, m *Metrics) map[string]string {
	t.Helper()
	w := get(m, "GET", "/metrics")
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	all := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			all[line[:at]] = strings.TrimSpace(line[at+1:])
		}
	}
	return all
}

func names(series map[string]string) []string { return slices.Sorted(maps.Keys(series)) }

func TestPages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path string
		change             func(*Metrics, *numbers)
		code               int
		want               string
	}{
		{"alive", "GET", "/healthz", nil, 200, "ok\n"},
		{"alive, no body", "HEAD", "/healthz", nil, 200, ""},
		{"ready", "GET", "/readyz", nil, 200, "ready\n"},
		{"alive while dns is down", "GET", "/healthz", func(_ *Metrics, n *numbers) { n.dns.Degraded = true }, 200, "ok\n"},
		{"dns is down", "GET", "/readyz", func(_ *Metrics, n *numbers) { n.dns.Degraded = true }, 503, "not ready\ndns is down"},
		{"refused reload", "GET", "/readyz", func(m *Metrics, _ *numbers) { m.Reloaded(io.EOF) }, 200, "ready\n"},
		{"draining", "GET", "/readyz", func(m *Metrics, n *numbers) { m.Draining(time.Minute); n.Listening = 0 }, 503, "not ready\nstopping"},
		{"a listener is gone", "GET", "/readyz", func(_ *Metrics, n *numbers) { n.Listening = 0 }, 503, "not ready\nnot listening"},
		{"two reasons", "GET", "/readyz", func(_ *Metrics, n *numbers) { n.Listening = 0; n.dns.Degraded = true }, 503, "the log says why\ndns is down"},
		{"root", "GET", "/", nil, 404, "there are /metrics"},
		{"below", "GET", "/metrics/", nil, 404, ""},
		{"climbing", "GET", "/../metrics", nil, 404, ""},
		{"profiles", "GET", "/debug/pprof/", nil, 404, ""},
		{"writing", "POST", "/metrics", nil, 405, "only GET"},
		{"deleting", "DELETE", "/healthz", nil, 405, "only GET"},
		{"options", "OPTIONS", "/readyz", nil, 405, "only GET"},
		{"scrape", "GET", "/metrics", nil, 200, "postvet_build_info"},
		{"scrape, no body", "HEAD", "/metrics", nil, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, n := usual()
			if tc.change != nil {
				tc.change(m, n)
			}
			w := get(m, tc.method, tc.path)
			if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, tc.code, tc.want)
			}
			if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", w.Header())
			}
			if allow := w.Header().Get("Allow"); (allow != "") != (tc.code == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// TestServer talks to the real server as a scraper does, and as an attacker.
func TestServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := usual()
	s := m.Serve(l, zap.NewNop())
	defer s.Close()
	say := func(request string) string {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
		_, _ = io.WriteString(c, request) // it may hang up before the end
		answer, _ := io.ReadAll(c)
		return string(answer)
	}
	if a := say("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(a, "HTTP/1.1 200 ") || !strings.HasSuffix(a, "ready\n") {
		t.Errorf("%q", a)
	}
	if a := say("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", maxHeaderBytes+8192) + "\r\n\r\n"); !strings.HasPrefix(a, "HTTP/1.1 431 ") {
		t.Errorf("%q", a)
	}
	if a := say("\x16\x03\x01\x00\xff\x00\r\n\r\n"); !strings.HasPrefix(a, "HTTP/1.1 400 ") {
		t.Errorf("%q", a)
	}
	// Connections on which no request comes are closed, so that nobody can keep
	// others out by holding them.
	if o := m.server(zap.NewNop()); o.ReadHeaderTimeout == 0 || o.ReadTimeout == 0 || o.WriteTimeout <= scrapeTimeout || o.IdleTimeout == 0 {
		t.Errorf("%+v", o)
	}
	s.Close()
	if _, err := http.Get(fmt.Sprintf("http://%s/healthz", l.Addr())); err == nil {
		t.Error("it still answers")
	}
}

// TestHalfRequests: neither five hundred half requests nor five hundred connections that
// wait for their next one keep a scrape from its answer.
func TestHalfRequests(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, half string }{
		{"nothing", ""},
		{"half a request", "GET /metrics HTTP/1.1\r\nHost: x\r\n"},
		{"half a body", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"},
		{"whole requests", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			m, _ := usual()
			s := m.Serve(l, zap.NewNop())
			defer s.Close()
			for range 500 {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, tc.half) // the server may have closed it
			}
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
			shortest := time.Minute
			for range 5 {
				began := time.Now()
				r, err := client.Get("http://" + l.Addr().String() + "/metrics")
				if err != nil {
					t.Fatal(err)
				}
				page, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 || !strings.Contains(string(page), "postvet_build_info") {
					t.Errorf("%d, %v, %d octets", r.StatusCode, err, len(page))
				}
				shortest = min(shortest, time.Since(began))
			}
			if shortest > 2*time.Second { // one alone may meet a machine that stands still
				t.Errorf("each scrape took %v or more", shortest)
			}
		})
	}
}
