// Package submissiontest has an MTA for tests. It listens on loopback, keeps what it is
// given, and refuses what a test wants refused.
package submissiontest

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Message is a message that the server has accepted.
type Message struct {
	// Hello is the name of EHLO; User the name of the login, "" for none.
	Hello, User string
	From, To    string
	// ID and Notify are those of RFC 3461.
	ID     string
	Notify []smtp.DSNNotify
	// Encrypted is true if it came by TLS.
	Encrypted bool
	Data      []byte
}

// Server is an MTA. Set its fields before Start.
type Server struct {
	// TLS has the certificate for STARTTLS, which is not offered without it.
	TLS *tls.Config
	// Users have passwords. AUTH is offered if there are any.
	Users map[string]string
	// Sender and Recipient return the answer to an address, and Content that to a
	// message; nil to accept. They may wait.
	Sender, Recipient func(address string) error
	Content           func(*Message) error
	// Taken is called before the server says that it has taken a message.
	Taken func(*Message)

	mu       sync.Mutex
	messages []*Message
}

// Refuse returns an answer: an SMTP code, an enhanced status code and a text.
func Refuse(code int, status [3]int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: status, Message: text}
}

// Start serves until the test ends, and returns the address.
func (s *Server) Start(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.Serve(tb, l)
	return l.Addr().String()
}

// Serve serves on a listener until the test ends.
func (s *Server) Serve(tb testing.TB, l net.Listener) {
	tb.Helper()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain, server.TLSConfig = "mta.test", s.TLS
	server.EnableDSN, server.AllowInsecureAuth = true, true
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.ErrorLog = log.New(io.Discard, "", 0)
	var all sync.WaitGroup
	all.Go(func() { _ = server.Serve(l) })
	tb.Cleanup(func() {
		_ = server.Close()
		all.Wait()
	})
}

// Messages returns the messages that were accepted.
func (s *Server) Messages() []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Message(nil), s.messages...)
}

// session is one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string
	next   Message
}

func (s *session) Reset() { s.next = Message{} }

func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if len(s.server.Users) == 0 {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if want, ok := s.server.Users[name]; !ok || want != password {
			return smtp.ErrAuthFailed
		}
		s.user = name
		return nil
	}), nil
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	s.next = Message{From: from, ID: o.EnvelopeID}
	if len(s.server.Users) > 0 && s.user == "" {
		return smtp.ErrAuthRequired
	}
	return ask(s.server.Sender, from)
}

func (s *session) Rcpt(to string, o *smtp.RcptOptions) error {
	s.next.To, s.next.Notify = to, o.Notify
	return ask(s.server.Recipient, to)
}

func ask(f func(string) error, address string) error {
	if f == nil {
		return nil
	}
	return f(address)
}

func (s *session) Data(r io.Reader) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	m := s.next
	m.Data, m.Hello, m.User = b.Bytes(), s.conn.Hostname(), s.user
	_, m.Encrypted = s.conn.TLSConnectionState()
	if s.server.Content != nil {
		if err := s.server.Content(&m); err != nil {
			return err
		}
	}
	s.server.mu.Lock()
	s.server.messages = append(s.server.messages, &m)
	s.server.mu.Unlock()
	if s.server.Taken != nil {
		s.server.Taken(&m)
	}
	return nil
}
