package web

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
)

// served serves a handler, and returns where.
func served(t *testing.T, h *Handler, c *Certificate) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, h, c, zap.NewNop())
	t.Cleanup(s.Close)
	return l.Addr().String()
}

// sent sends octets on a new connection, and returns it.
func sent(t *testing.T, at, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// statusOf returns the status of the answer on a connection.
func statusOf(t *testing.T, c net.Conn) int {
	t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var minor, status int
	if _, err := fmt.Sscanf(line, "HTTP/1.%d %d", &minor, &status); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return status
}

// TestServerBounds: a client that opens very many connections, or sends half a request or a huge
// one, keeps no other from a page.
func TestServerBounds(t *testing.T) {
	t.Parallel()
	h := New(Options{Source: source{}, Gate: socketRights{}, Live: &live.Ring{}})
	at := served(t, h, nil)
	const page = "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
	refused := 0
	var streams []net.Conn
	for range maxStreams + 8 { // pages that stay open
		c := sent(t, at, "GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if statusOf(t, c) == http.StatusServiceUnavailable {
			refused++
		}
		streams = append(streams, c)
	}
	if refused != 8 || h.Streams() != maxStreams {
		t.Errorf("%d are refused, %d stay open", refused, h.Streams())
	}
	for range 2 * maxConns { // half a request, and none; they do not replace a stream
		sent(t, at, "GET /none HTTP/1.1\r\nHost: local")
	}
	if h.Streams() != maxStreams {
		t.Errorf("half requests leave %d pages open", h.Streams())
	}
	shortest := time.Minute
	for range 5 {
		began := time.Now()
		if code := statusOf(t, sent(t, at, page)); code != http.StatusNotFound {
			t.Errorf("among half requests a page has the status %d", code)
		}
		shortest = min(shortest, time.Since(began))
	}
	if shortest > 2*time.Second { // one alone may meet a machine that stands still
		t.Errorf("among half requests each page comes after %s or more", shortest)
	}
	if code := statusOf(t, sent(t, at, "GET /none HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a huge header: %d", code)
	}
	if code := statusOf(t, sent(t, at, "GET /none?"+strings.Repeat("x", 64<<10)+" HTTP/1.1\r\nHost: localhost\r\n\r\n")); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a huge query: %d", code)
	}
	for _, c := range streams {
		_ = c.Close()
	}
	for end := time.Now().Add(10 * time.Second); h.Streams() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d pages stay open after their viewers left", h.Streams())
		}
	}
}

// TestStreamKept: neither by TLS nor on a unix socket do connections without a request end a page
// that stays open.
func TestStreamKept(t *testing.T) {
	t.Parallel()
	chain, key := writeCertificate(t, t.TempDir(), 1)
	c, err := NewCertificate(chain, key, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pw") // a short path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "w")} {
		h := New(Options{Source: source{}, Gate: socketRights{}, Live: &live.Ring{}})
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		dial := func() net.Conn {
			conn, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			return conn
		}
		viewer := dial
		certificate := c
		if network == "tcp" {
			viewer = func() net.Conn { return tls.Client(dial(), &tls.Config{InsecureSkipVerify: true}) }
		} else {
			certificate = nil
		}
		s := Serve(l, h, certificate, zap.NewNop())
		stream := viewer()
		defer stream.Close()
		fmt.Fprint(stream, "GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if code := statusOf(t, stream); code != http.StatusOK {
			t.Fatalf("%s: %d", network, code)
		}
		for range maxConns + 8 {
			defer dial().Close()
		}
		page := viewer() // comes after all of them
		defer page.Close()
		fmt.Fprint(page, "GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if code := statusOf(t, page); code != http.StatusOK || h.Streams() != 1 {
			t.Errorf("%s: %d, and %d pages are open", network, code, h.Streams())
		}
		s.Close()
	}
}

// writeCertificate writes a certificate with a serial number, and its key.
func writeCertificate(t *testing.T, dir string, serial int64) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	chain, key = filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{chain: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		changed := time.Now().Add(time.Duration(serial) * time.Second)
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return chain, key
}

// TestTLS: the page speaks TLS, and its certificate follows the files. A broken one leaves
// the one before in use.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chain, key := writeCertificate(t, dir, 1)
	c, err := NewCertificate(chain, key, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	at := served(t, New(Options{Source: source{}, Gate: socketRights{}}), c)
	serial := func() string {
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if code := statusOf(t, conn); code != http.StatusOK {
			t.Errorf("the status is %d", code)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	look := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.looked = time.Time{}
	}
	for i, want := range []string{"1", "2"} {
		writeCertificate(t, dir, int64(i+1))
		look()
		if got := serial(); got != want {
			t.Errorf("the certificate is %s, want %s", got, want)
		}
	}
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	look()
	if got := serial(); got != "2" {
		t.Errorf("with a broken key the certificate is %s", got)
	}
	if _, err := NewCertificate(chain, key, zap.NewNop()); err == nil {
		t.Error("a broken key is accepted at the start")
	}
	plain := sent(t, at, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if code := statusOf(t, plain); code != http.StatusBadRequest {
		t.Errorf("without TLS: %d", code)
	}
}
