package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// exports returns an Export of a text.
func exports(text string) func(string) (io.Reader, func(int64, error), error) {
	return func(string) (io.Reader, func(int64, error), error) {
		return strings.NewReader(text), func(int64, error) {}, nil
	}
}

// serving starts a server with the files of mx1, for the peer mx2, and returns its source.
func serving(t *testing.T, f Files, change func(*Options)) (source string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Files: func() Files { return f }, Names: func() []string { return []string{"mx2.test"} },
		Export: exports("the snapshot"), Refused: func(string) {}, Logger: zap.NewNop(),
	}
	if change != nil {
		change(&o)
	}
	s := Serve(l, o)
	t.Cleanup(s.Close)
	return "https://" + l.Addr().String()
}

// got fetches what a source has.
func got(t *testing.T, source string, f Files) (text string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = Fetch(ctx, source, f, func(from io.Reader, asked time.Time) error {
		if d := time.Since(asked); d < 0 || d > time.Minute {
			t.Errorf("asked %v ago", d)
		}
		b, err := io.ReadAll(from)
		text = string(b)
		return err
	})
	return text, err
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	source := serving(t, a.files("mx1.test"), nil)
	for _, s := range []string{source, source + "/"} {
		if text, err := got(t, s, a.files("mx2.test")); text != "the snapshot" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
}

// TestStrangers: nobody gets a snapshot but the peers on the list, and nobody gives one but
// the server that was named. Each error says what is wrong and what to do.
func TestStrangers(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	mx1, mx2 := a.files("mx1.test"), a.files("mx2.test")
	with := func(f Files, change func(*Files)) Files { change(&f); return f }
	stranger := other.files("mx2.test")
	stranger.CA = mx2.CA
	for _, tc := range []struct {
		name           string
		server, client Files
		says           string
	}{
		{"a client of another authority", mx1, stranger, "it does not accept our certificate: "},
		{"a client with another name", mx1, a.files("mx3.test"), "it says 403 Forbidden: the certificate is for mx3.test, 127.0.0.1, which peers.names of this service does not have; "},
		{"a client that expired", mx1, a.filesOf(&x509.Certificate{DNSNames: []string{"mx2.test"}, NotAfter: time.Now().Add(-time.Minute)}, "old"), "it does not accept our certificate: "},
		{"a server of another authority", with(other.files("mx1.test"), func(f *Files) { f.CA = mx1.CA }), mx2, "its certificate is not accepted: "},
		{"a server that expired", a.filesOf(&x509.Certificate{NotAfter: time.Now().Add(-time.Minute)}, "old1"), mx2, "its certificate is not accepted: "},
		{"no files", mx1, Files{}, "peers.certificate, peers.key and peers.ca_file are needed; "},
		{"no certificate", mx1, with(mx2, func(f *Files) { f.Certificate = "/nowhere" }), "peers.certificate: "},
		{"no key", mx1, with(mx2, func(f *Files) { f.Key = "/nowhere" }), "peers.key: /nowhere: no such file"},
		{"the key of another", mx1, with(mx2, func(f *Files) { f.Key = mx1.Key }), "cannot be used together: "},
		{"no authority", mx1, with(mx2, func(f *Files) { f.CA = f.Key }), "has no certificate in PEM; "},
	} {
		source := serving(t, tc.server, nil)
		text, err := got(t, source, tc.client)
		if text != "" || err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, %v", tc.name, text, err)
		}
	}

	// The name in the source counts, not the address.
	source := serving(t, a.filesOf(&x509.Certificate{}, "bare"), nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(source, "https://"))
	if _, err := got(t, "https://localhost:"+port, mx2); err == nil || !strings.Contains(err.Error(), "write the source as its certificate names it") {
		t.Errorf("a server with another name: %v", err)
	}

	// A client without any certificate, and one with an old version of TLS.
	for name, c := range map[string]*tls.Config{
		"no certificate": {MinVersion: tls.VersionTLS13, InsecureSkipVerify: true},
		"TLS 1.2":        {MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true},
	} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(source, "https://"), c)
		if err != nil {
			continue
		}
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if b, err := io.ReadAll(conn); err == nil || len(b) != 0 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		_ = conn.Close()
	}
}

// A key that others can read is not used, and the error has the command that mends it.
func TestReadableKey(t *testing.T) {
	t.Parallel()
	f := newAuthority(t).files("mx1.test")
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(f.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err == nil || !strings.Contains(err.Error(), "peers.key: "+f.Key+": ") || !strings.Contains(err.Error(), "others may read the key") || !strings.Contains(err.Error(), "chmod") {
		t.Error(err)
	}
}

// TestRequests answers what is no request for the snapshot, and what comes too often.
func TestRequests(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	refused := make(chan string, 100)
	source := serving(t, a.files("mx1.test"), func(o *Options) { o.Refused = func(why string) { refused <- why } })
	mx2 := a.files("mx2.test")
	pair, pool, err := mx2.read()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(line string) string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(source, "https://"), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, line+" HTTP/1.1\r\nHost: x\r\n\r\n")
		b, _ := io.ReadAll(conn)
		return string(b)
	}
	for line, want := range map[string]string{
		"POST " + path:              "HTTP/1.1 405 ",
		"GET /":                     "HTTP/1.1 404 ",
		"GET /snapshot/../snapshot": "HTTP/1.1 404 ",
		"nonsense":                  "HTTP/1.1 400 ",
		"GET /" + strings.Repeat("x", 2*maxHeaderBytes): "HTTP/1.1 431 ",
	} {
		if got := ask(line); !strings.HasPrefix(got, want) {
			t.Errorf("%.40s: %.60q", line, got)
		}
	}
	for range maxSnapshots {
		if text, err := got(t, source, mx2); text == "" || err != nil {
			t.Fatal(err)
		}
	}
	if _, err := got(t, source, mx2); err == nil || !strings.Contains(err.Error(), "it says 429 Too Many Requests: mx2.test had 6 snapshots within 1m0s; ") {
		t.Error(err)
	}
	if n := len(refused); n != 4 {
		t.Errorf("%d told as refused", n)
	}

	busy := serving(t, a.files("mx1.test"), func(o *Options) {
		o.Export = func(string) (io.Reader, func(int64, error), error) {
			return nil, nil, errors.New("4 snapshots are on their way already")
		}
	})
	if _, err := got(t, busy, mx2); err == nil || !strings.Contains(err.Error(), "it says 503 Service Unavailable: 4 snapshots are on their way already; ") {
		t.Error(err)
	}
}

// TestPanic: a fault of this program while a snapshot is sent is told as its end, so that it
// takes no place for ever.
func TestPanic(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	told := make(chan error, 1)
	source := serving(t, a.files("mx1.test"), func(o *Options) {
		o.Export = func(string) (io.Reader, func(int64, error), error) {
			return panics{}, func(_ int64, err error) { told <- err }, nil
		}
	})
	if _, err := got(t, source, a.files("mx2.test")); err == nil {
		t.Error("no error")
	}
	if err := <-told; err == nil {
		t.Error("told as sent")
	}
}

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("test") }

// TestBesideIdleConnections: connections that never prove who they are keep no peer away.
func TestBesideIdleConnections(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	source := serving(t, a.files("mx1.test"), nil)
	for range 4 * maxConns {
		c, err := net.Dial("tcp", strings.TrimPrefix(source, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	if text, err := got(t, source, a.files("mx2.test")); text == "" || err != nil {
		t.Error(text, err)
	}
}

// TestRate admits a peer again when its time is over.
func TestRate(t *testing.T) {
	t.Parallel()
	s, now := &Server{sent: map[string][]time.Time{}}, time.Now()
	for i := range maxSnapshots {
		if !s.admit("a", now.Add(time.Duration(i)*time.Second)) {
			t.Error("refused too early")
		}
	}
	if s.admit("a", now.Add(perTime-1)) || !s.admit("b", now) {
		t.Error("not by peer")
	}
	if !s.admit("a", now.Add(perTime)) || s.admit("a", now.Add(perTime)) {
		t.Error("not one for one")
	}
}

// hostile answers each request as answer does, over TLS with the certificate of mx1.
func hostile(t *testing.T, f Files, answer func(net.Conn)) (source string) {
	t.Helper()
	pair, _, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			answer(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "https://" + l.Addr().String()
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	mx1, mx2 := a.files("mx1.test"), a.files("mx2.test")
	sends := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) } // until the client leaves
	drips := func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
		for range 10_000 {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, tc := range []struct {
		name   string
		answer func(net.Conn)
		says   string
	}{
		{"it hangs up", sends(""), "EOF; see whether the service there runs"},
		{"it leads elsewhere", sends("HTTP/1.1 302 Found\r\nLocation: https://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"), "it says 302 Found: ; "},
		{"another program", sends("220 mx ESMTP\r\n"), "malformed HTTP status code"},
		{"a header without end", sends("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 10_000)), "exceeded"},
		{"it drives a terminal", sends("HTTP/1.1 500 \x1b[2J\r\nContent-Length: 5\r\n\r\n\x1b[2J\r"), `it says 500 ?[2J: ?[2J; `},
		{"a short body", sends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"), "unexpected EOF"},
		{"silent", silent, "it did not send a snapshot in time; "},
		{"it drips", drips, "it did not send a snapshot in time; "},
	} {
		source := hostile(t, mx1, tc.answer)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if tc.name == "silent" || tc.name == "it drips" {
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		}
		err := Fetch(ctx, source, mx2, func(from io.Reader, _ time.Time) error {
			_, err := io.Copy(io.Discard, from)
			return err
		})
		cancel()
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}

	// A snapshot that was packed is not unpacked: nothing grows.
	packed := hostile(t, mx1, sends("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"))
	if text, err := got(t, packed, mx2); text != "\x1f\x8b\x08\x00" || err != nil {
		t.Errorf("%q, %v", text, err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + l.Addr().String()
	_ = l.Close()
	for source, says := range map[string]string{
		closed:                  "connection refused; see whether the service there runs",
		"unix:/nowhere/control": "no service at /nowhere/control",
		"http://127.0.0.1":      "is no source; write unix:",
		"https://%":             "write https:// with host and port",
	} {
		if _, err := got(t, source, mx2); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
