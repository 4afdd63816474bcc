package connect_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect/connecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func clock() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

var host = netip.MustParseAddr("185.0.2.1")

// client returns a client for which one server stands at host.
func client(smtp, https string) *connect.Client {
	return &connect.Client{
		Helo: "client.test", Now: clock, ConnectTime: 20 * time.Second, DialogueTime: 20 * time.Second,
		Dial: connecttest.Internet{"185.0.2.1:25": smtp, "185.0.2.1:443": https}.Dial,
	}
}

// TestTalk: a dialogue to its end.
func TestTalk(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	s := &connecttest.Server{
		TLS:        &tls.Config{Certificates: []tls.Certificate{a.Issue(t, 90, "mx.a.example")}},
		Extensions: []string{"SIZE 1000", "smtputf8"},
	}
	d := client(s.Start(t), "").Talk(t.Context(), host, "mx.a.example")
	if d.Err != nil {
		t.Fatal(d.Err)
	}
	if d.Banner != "mx.test ESMTP ready" || !d.STARTTLS || d.Version != tls.VersionTLS13 || len(d.Chain) != 2 || d.Injected {
		t.Errorf("%+v", d)
	}
	for _, diff := range []string{
		cmp.Diff([]string{"SIZE 1000", "SMTPUTF8"}, d.Extensions),
		cmp.Diff([]string{"EHLO client.test", "STARTTLS", "EHLO client.test", "QUIT"}, s.Commands()), // never mail
		cmp.Diff([]string{"mx.a.example"}, s.Names()),
	} {
		if diff != "" {
			t.Error(diff)
		}
	}
}

// TestTalkFails: each failure in words, and nothing hangs or panics.
func TestTalkFails(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	withTLS := &tls.Config{Certificates: []tls.Certificate{a.Issue(t, 90, "mx.a.example")}}
	for _, tt := range []struct {
		name    string
		server  *connecttest.Server
		stage   connect.Stage
		code    int
		timeout bool
		text    string
	}{
		{name: "a banner of 554", server: &connecttest.Server{Replies: map[string]string{"": "554-no\r\n554 \x1b[2Jservice\r\n"}}, stage: connect.Banner, code: 554, text: "it says 554 no ?[2Jservice"},
		{name: "a banner of 421", server: &connecttest.Server{Replies: map[string]string{"": "421 busy\r\n"}}, stage: connect.Banner, code: 421, text: "it says 421 busy"},
		{name: "no banner", server: &connecttest.Server{Replies: map[string]string{"": connecttest.Silence}}, stage: connect.Banner, timeout: true, text: "no answer within"},
		{name: "a connection that ends", server: &connecttest.Server{Replies: map[string]string{"": connecttest.Close}}, stage: connect.Banner, text: "it ended the connection"},
		{name: "HTTP", server: &connecttest.Server{Replies: map[string]string{"": "HTTP/1.1 400 Bad Request\r\n"}}, stage: connect.Banner, text: "no SMTP"},
		{name: "codes that differ", server: &connecttest.Server{Replies: map[string]string{"": "220-a\r\n250 b\r\n"}}, stage: connect.Banner, text: "no SMTP"},
		{name: "a line without an end", server: &connecttest.Server{Replies: map[string]string{"": "220 " + strings.Repeat("x", 100000)}}, stage: connect.Banner, text: "too long"},
		{name: "lines without an end", server: &connecttest.Server{Replies: map[string]string{"": strings.Repeat("220-x\r\n", 5000)}}, stage: connect.Banner, text: "too long"},
		{name: "long lines without an end", server: &connecttest.Server{Replies: map[string]string{"": strings.Repeat("220-"+strings.Repeat("x", 2000)+"\r\n", 80)}}, stage: connect.Banner, text: "too long"},
		{name: "no EHLO", server: &connecttest.Server{Replies: map[string]string{"EHLO": "502 what\r\n"}}, stage: connect.EHLO, code: 502, text: "it says 502 what"},
		{name: "silence after EHLO", server: &connecttest.Server{Replies: map[string]string{"EHLO": connecttest.Silence}}, stage: connect.EHLO, timeout: true, text: "no answer within"},
		{name: "STARTTLS that is refused", server: &connecttest.Server{TLS: withTLS, Replies: map[string]string{"STARTTLS": "454 not now\r\n"}}, stage: connect.StartTLS, code: 454, text: "it says 454 not now"},
		{name: "no TLS behind STARTTLS", server: &connecttest.Server{Replies: map[string]string{"EHLO": "250-x\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n", "HANDSHAKE": "nonsense\r\n"}}, stage: connect.Handshake, text: "it speaks no TLS"},
		{name: "no certificate", server: &connecttest.Server{TLS: &tls.Config{}}, stage: connect.Handshake, text: "TLS fails"},
		{name: "silence in the handshake", server: &connecttest.Server{Replies: map[string]string{"EHLO": "250-x\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n", "HANDSHAKE": connecttest.Silence}}, stage: connect.Handshake, timeout: true, text: "no answer within"},
		{name: "the end in the handshake", server: &connecttest.Server{Replies: map[string]string{"EHLO": "250-x\r\n250 STARTTLS\r\n", "STARTTLS": "220 go\r\n", "HANDSHAKE": connecttest.Close}}, stage: connect.Handshake, text: "TLS fails: it ended the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := client(tt.server.Start(t), "")
			if tt.timeout {
				c.DialogueTime = 5 * time.Second // the stages before must not be late
			}
			d := c.Talk(t.Context(), host, "mx.a.example")
			if d.Err == nil {
				t.Fatalf("%+v", d)
			}
			if d.Err.Stage != tt.stage || d.Err.Code != tt.code || d.Err.Timeout != tt.timeout || !strings.Contains(d.Err.Text, tt.text) {
				t.Errorf("%+v", d.Err)
			}
		})
	}
}

func TestTalkConnects(t *testing.T) {
	t.Parallel()
	c := client("", "")
	if d := c.Talk(t.Context(), host, ""); d.Err == nil || !d.Err.Refused || d.Err.Stage != connect.Connecting || !strings.Contains(d.Err.Text, "refuses") {
		t.Errorf("%+v", d.Err)
	}
	c = client(connecttest.Silence, "")
	c.ConnectTime = 50 * time.Millisecond
	if d := c.Talk(t.Context(), host, ""); d.Err == nil || !d.Err.Timeout || d.Err.Text != "no answer within 50ms" {
		t.Errorf("%+v", d.Err)
	}
	c.ConnectTime = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if d := c.Talk(ctx, host, ""); d.Err == nil || !d.Err.Timeout {
		t.Errorf("%+v", d.Err)
	}
}

// TestTalkEndsWithItsContext: a silent server holds nobody longer.
func TestTalkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := &connecttest.Server{Replies: map[string]string{"EHLO": connecttest.Silence}}
	c := client(s.Start(t), "")
	c.DialogueTime = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if d := c.Talk(ctx, host, ""); d.Err == nil || !d.Err.Timeout {
		t.Errorf("%+v", d.Err)
	}
}

// TestInjection is RFC 3207 section 6: what came before TLS is not the server's.
func TestInjection(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	s := &connecttest.Server{
		TLS:     &tls.Config{Certificates: []tls.Certificate{a.Issue(t, 90, "mx.a.example")}},
		Replies: map[string]string{"STARTTLS": "220 go\r\n250-evil\r\n250 PIPELINING\r\n"},
	}
	d := client(s.Start(t), "").Talk(t.Context(), host, "mx.a.example")
	if d.Err != nil || !d.Injected || len(d.Extensions) != 0 {
		t.Errorf("%+v", d)
	}
}

// TestOldTLS: an old version is spoken, so that it can be named.
func TestOldTLS(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	s := &connecttest.Server{TLS: &tls.Config{
		Certificates: []tls.Certificate{a.Issue(t, 90, "mx.a.example")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	}}
	if d := client(s.Start(t), "").Talk(t.Context(), host, "mx.a.example"); d.Err != nil || d.Version != tls.VersionTLS11 {
		t.Errorf("%+v", d)
	}
}

// TestPolicy is RFC 8461 sections 3.2 and 3.3.
func TestPolicy(t *testing.T) {
	t.Parallel()
	a, stranger := connecttest.NewAuthority(t, clock()), connecttest.NewAuthority(t, clock())
	good := a.Issue(t, 90, "mta-sts.a.example")
	const policy = "version: STSv1\nmode: testing\nmx: mx.a.example\nmax_age: 604800\n"
	plain := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, policy)
	}
	for _, tt := range []struct {
		name        string
		certificate tls.Certificate
		handler     http.HandlerFunc
		plain       bool
		err         string
	}{
		{"3.3 a policy", good, plain, true, ""},
		{"3.2 another type", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, policy)
		}, false, ""},
		{"3.3 a redirect", good, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://mta-sts.a.example/other", http.StatusMovedPermanently)
		}, false, "redirects elsewhere (301)"},
		{"3.3 not found", good, http.NotFound, false, "answers 404 Not Found"},
		{"3.3 no content", good, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false, "answers 204"},
		{"3.3 64 KB", good, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 64<<10+1)) }, false, "more than 64 KB"},
		{"an endless file", good, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, strings.Repeat("x", 1000)); err != nil {
					return
				}
			}
		}, false, "more than 64 KB"},
		{"an endless header", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 100<<10))
			fmt.Fprint(w, policy)
		}, false, "the web server: "},
		{"3.3 another name", a.Issue(t, 90, "www.a.example"), plain, false, "not for mta-sts.a.example"},
		{"3.3 expired", a.Issue(t, -1, "mta-sts.a.example"), plain, false, "has expired"},
		{"3.3 another authority", stranger.Issue(t, 90, "mta-sts.a.example"), plain, false, "that nobody trusts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := client("", connecttest.Web(t, tt.certificate, tt.handler))
			c.Roots = a.Roots
			f, err := c.Policy(t.Context(), "a.example", []netip.Addr{netip.MustParseAddr("185.0.2.9"), host})
			switch {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %q", err, tt.err)
			case tt.err == "" && (err != nil || f.Text != policy || f.Plain != tt.plain):
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
	c := client("", "")
	for _, addrs := range [][]netip.Addr{nil, {host}} {
		if _, err := c.Policy(t.Context(), "a.example", addrs); err == nil {
			t.Errorf("%v: a policy", addrs)
		}
	}
	c = client("", connecttest.Silence)
	c.DialogueTime = 50 * time.Millisecond
	if _, err := c.Policy(t.Context(), "a.example", []netip.Addr{host}); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("%v", err)
	}
}

// TestVerifyName is RFC 8461 section 4.2.
func TestVerifyName(t *testing.T) {
	t.Parallel()
	a, stranger := connecttest.NewAuthority(t, clock()), connecttest.NewAuthority(t, clock())
	for _, tt := range []struct {
		name        string
		certificate tls.Certificate
		want        string
	}{
		{"4.2 valid", a.Issue(t, 90, "mx.a.example"), ""},
		{"4.2 a wildcard", a.Issue(t, 90, "*.a.example"), ""},
		{"4.2 another name", a.Issue(t, 90, "a.example"), "not for mx.a.example"},
		{"4.2 expired", a.Issue(t, -1, "mx.a.example"), "expired on 2026-11-28"},
		{"4.2 another authority", stranger.Issue(t, 90, "mx.a.example"), "nobody trusts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{tt.certificate}}}
			c := client(s.Start(t), "")
			c.Roots = a.Roots
			d := c.Talk(t.Context(), host, "mx.a.example")
			err := c.VerifyName(d.Chain, "mx.a.example", clock())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if (&connect.Client{}).VerifyName(nil, "a.example", clock()) == nil {
		t.Error("no certificate is valid")
	}
}
