// Package connect connects to mail servers as a sending server does, without sending
// mail: it reads the banner and the extensions, begins TLS, takes the certificates and
// leaves. It also fetches the policy of MTA-STS over HTTPS (RFC 8461 section 3.3).
//
// Certificates are taken as they are. The caller judges them, by TLSA records or by
// authorities. Time, octets and lines of each server are bounded.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// The bounds of one connection.
const (
	ConnectTime  = 3 * time.Second
	DialogueTime = 10 * time.Second
	maxReply     = 64 << 10 // octets of a server in all, before TLS and after
	maxLines     = 100      // of one reply
	maxText      = 300      // of a text that is kept
)

// Client connects to servers. The zero value works.
type Client struct {
	// Helo is the name of this host. Default "localhost".
	Helo string
	// Roots are the authorities that are trusted. Default: the system's.
	Roots *x509.CertPool
	// ConnectTime and DialogueTime bound one connection. Defaults: the constants.
	ConnectTime, DialogueTime time.Duration
	// Now is the clock by which certificates are judged. Default time.Now.
	Now func() time.Time
	// Dial connects to an address. Default: that of [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// The ports of mail (RFC 5321 section 4.5.4.2) and of HTTPS.
const (
	smtpPort  = 25
	httpsPort = 443
)

// Dialogue is what a mail server said.
type Dialogue struct {
	Banner     string   // the text behind 220
	Extensions []string // keywords of EHLO with parameters, after TLS if there was any
	STARTTLS   bool     // it was offered
	Version    uint16   // of TLS, 0 without
	Chain      []*x509.Certificate
	// Injected reports octets that came between STARTTLS and the handshake, which a
	// sender must not take for the server's (RFC 3207 section 6).
	Injected bool
	// Err says how far the dialogue came; nil if to its end.
	Err *Error
}

// Stage is how far a dialogue came.
type Stage string

// The stages at which a dialogue may fail.
const (
	Connecting Stage = "connect"
	Banner     Stage = "banner"
	EHLO       Stage = "ehlo"
	StartTLS   Stage = "starttls"
	Handshake  Stage = "handshake"
)

// Error is how a dialogue failed.
type Error struct {
	Stage Stage
	// Code is that of the reply which ended it, 0 for none.
	Code int
	// Timeout and Refused report that the server gave no answer in time, or did not
	// take the connection.
	Timeout, Refused bool
	// NoWay reports that this machine has no way to the address.
	NoWay bool
	// Text says in words what happened. It may cite the server.
	Text string
}

func (e *Error) Error() string { return e.Text }

// Talk connects to a server and has a dialogue with it. serverName is the name of the host
// for TLS (RFC 7672 section 8.1). Talk returns when ctx ends.
func (c *Client) Talk(ctx context.Context, ip netip.Addr, serverName string) *Dialogue {
	d := &Dialogue{}
	conn, err := c.dial(ctx, netip.AddrPortFrom(ip, smtpPort))
	if err != nil {
		d.Err = failure(Connecting, err, orDefault(c.ConnectTime, ConnectTime))
		return d
	}
	defer conn.Close()
	limit := orDefault(c.DialogueTime, DialogueTime)
	_ = conn.SetDeadline(time.Now().Add(limit)) // without it the server's silence is bounded by ctx
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	s := newSession(conn, d, limit)
	if s.greet(orDefault(c.Helo, "localhost")) && d.STARTTLS && s.begin() {
		c.encrypt(ctx, s, serverName)
	}
	s.quit()
	return d
}

// dial connects to an address, within ConnectTime.
func (c *Client) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.ConnectTime, ConnectTime))
	defer cancel()
	if c.Dial != nil {
		return c.Dial(ctx, "tcp", addr.String())
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr.String())
}

// encrypt has the handshake, and asks for the extensions again (RFC 3207 section 4.2).
func (c *Client) encrypt(ctx context.Context, s *session, serverName string) {
	conn := tls.Client(s.conn, &tls.Config{
		ServerName: serverName,
		// The caller checks the certificates, and says which old version is used.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		s.d.Err = failure(Handshake, err, s.limit)
		return
	}
	state := conn.ConnectionState()
	s.d.Version, s.d.Chain = state.Version, state.PeerCertificates
	s.use(conn)
	s.ehlo(orDefault(c.Helo, "localhost"))
}

// orDefault returns v or, if it is zero, the default.
func orDefault[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}

// failure returns an error of the network in words. limit is how long was waited.
func failure(stage Stage, err error, limit time.Duration) *Error {
	e := &Error{Stage: stage}
	var network net.Error
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Refused, e.Text = true, "it refuses the connection: no program listens there"
	case errors.Is(err, syscall.ECONNRESET):
		e.Text = "it broke the connection off"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		e.NoWay, e.Text = true, "this machine has no way to the address"
	case errors.Is(err, context.Canceled), errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		e.Timeout, e.Text = true, "no answer within "+limit.String()
	case errors.As(err, &record):
		e.Text = "it speaks no TLS after STARTTLS"
	case stage == Handshake:
		e.Text = "TLS fails: " + ending(err)
	default:
		e.Text = ending(err)
	}
	return e
}

// ending returns an error in words, without the system call.
func ending(err error) string {
	text := err.Error()
	if strings.HasSuffix(text, "EOF") {
		return "it ended the connection without an answer"
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
