// Package connecttest has mail servers and web servers on loopback for tests, which offer
// what a test wants, and an authority that certifies them.
package connecttest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Authority issues certificates.
type Authority struct {
	Certificate *x509.Certificate
	Roots       *x509.CertPool
	key         *ecdsa.PrivateKey
	now         time.Time
}

// NewAuthority returns an authority whose certificate is valid at a time.
func NewAuthority(tb testing.TB, now time.Time) *Authority {
	tb.Helper()
	a := &Authority{now: now, Roots: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	a.key, der = create(tb, template, template, nil)
	a.Certificate = parse(tb, der)
	a.Roots.AddCert(a.Certificate)
	return a
}

// Issue returns a certificate for names that ends after some days. The chain has the
// authority's certificate too.
func (a *Authority) Issue(tb testing.TB, days int, names ...string) tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: a.now.AddDate(0, 0, min(days, 0)-1), NotAfter: a.now.AddDate(0, 0, days),
	}
	key, der := create(tb, template, a.Certificate, a.key)
	return tls.Certificate{Certificate: [][]byte{der, a.Certificate.Raw}, PrivateKey: key, Leaf: parse(tb, der)}
}

// create returns a new key and its certificate, signed by itself without another key.
func create(tb testing.TB, template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		tb.Fatal(err)
	}
	return key, der
}

func parse(tb testing.TB, der []byte) *x509.Certificate {
	tb.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Server is a mail server. The zero value offers STARTTLS without a certificate, which
// fails.
type Server struct {
	// TLS is what the server has for STARTTLS. Without a certificate and
	// GetCertificate it does not offer it.
	TLS *tls.Config
	// Extensions are the lines of EHLO behind the first, besides STARTTLS.
	Extensions []string
	// Replies are replies in place of the usual ones, by the command in upper case and
	// "" for the banner, by "HANDSHAKE" in place of TLS, and by "EHLO 2" behind TLS: they are sent as they are. Silence ends the server's
	// part without closing the connection.
	Replies map[string]string

	mu       sync.Mutex
	commands []string
	names    []string
}

// Silence is a reply that never comes, Close the end of the connection.
const (
	Silence = "\x00silence"
	Close   = "\x00close"
)

// Commands returns the commands that arrived, and Names the server names of handshakes.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.commands...)
}

// Names returns the server names of the handshakes.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.names...)
}

// Start starts the server, and returns its address. The end of the test stops it.
func (s *Server) Start(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				s.serve(ctx, conn)
			})
		}
	})
	tb.Cleanup(func() { cancel(); l.Close(); all.Wait() })
	return l.Addr().String()
}

// serve has the dialogue on one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	if !s.say(ctx, conn, "", "220 mx.test ESMTP ready\r\n") {
		return
	}
	r := bufio.NewReader(conn)
	for encrypted := false; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.Fields(line + " x")[0])
		s.mu.Lock()
		s.commands = append(s.commands, strings.TrimSpace(line))
		s.mu.Unlock()
		if _, ok := s.Replies[command+" 2"]; ok && encrypted {
			command += " 2"
		}
		if !s.say(ctx, conn, command, s.usual(command, encrypted)) || command == "QUIT" {
			return
		}
		if answer, ok := s.Replies["HANDSHAKE"]; ok && command == "STARTTLS" {
			_, _ = r.ReadByte()
			s.say(ctx, conn, "HANDSHAKE", answer)
			return
		}
		if command == "STARTTLS" && !encrypted && s.TLS != nil {
			config := s.TLS.Clone()
			config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.names = append(s.names, h.ServerName)
				return nil, nil
			}
			conn = tls.Server(conn, config)
			r, encrypted = bufio.NewReader(conn), true
		}
	}
}

// usual returns the usual reply to a command.
func (s *Server) usual(command string, encrypted bool) string {
	switch command {
	case "EHLO":
		lines := append([]string{"mx.test"}, s.Extensions...)
		if s.TLS != nil && !encrypted {
			lines = append(lines, "STARTTLS")
		}
		var b strings.Builder
		for i, l := range lines {
			sep := "-"
			if i == len(lines)-1 {
				sep = " "
			}
			fmt.Fprintf(&b, "250%s%s\r\n", sep, l)
		}
		return b.String()
	case "STARTTLS":
		return "220 go ahead\r\n"
	case "QUIT":
		return "221 bye\r\n"
	}
	return "502 not here\r\n"
}

// say sends a reply. It returns false if that ends the dialogue.
func (s *Server) say(ctx context.Context, conn net.Conn, command, usual string) bool {
	reply, ok := s.Replies[command]
	if !ok {
		reply = usual
	}
	switch reply {
	case Silence:
		<-ctx.Done()
		return false
	case Close:
		return false
	}
	_, err := conn.Write([]byte(reply))
	return err == nil
}

// Web starts a web server with a certificate, and returns its address.
func Web(tb testing.TB, certificate tls.Certificate, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that shall fail
	s.StartTLS()
	tb.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Internet maps addresses to servers on loopback. Silent ones never answer, and others
// refuse.
type Internet map[string]string

// Dial connects to what stands in place of an address.
func (n Internet) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch to := n[address]; to {
	case "":
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case Silence:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	default:
		var d net.Dialer
		return d.DialContext(ctx, network, to)
	}
}
