// Package submission hands whole messages to an MTA by SMTP (RFC 5321, 6409): reports and
// notices that Postvet itself writes. [Client.Submit] hands over one message for one
// address and says what the MTA answered, so that the caller knows whether and when to
// try again.
//
// Nothing waits for ever: a submission ends with its context or after its timeout, and an
// MTA that sends too much is left.
package submission

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/postvet/postvet/filter/socket"
)

// Options say where the MTA is. Address and Hello are required.
type Options struct {
	// Address is a socket in one of the notations of [socket.Parse]: 127.0.0.1:25,
	// inet:mail.example.org:587, unix:/path.
	Address string
	// Hello is the host name for EHLO.
	Hello string
	// Auth returns the name and the password to log in with. It is asked at each
	// submission; nil if none are needed.
	Auth func() (Auth, error)
	// TLS is used for STARTTLS, which is asked for wherever an MTA beyond loopback offers
	// it. Default: the system's authorities. Without Auth an MTA whose certificate is not
	// valid is used all the same (RFC 7435): the message would go there in the clear
	// otherwise.
	TLS *tls.Config
	// RequireTLS has messages go to no MTA beyond loopback that does not offer TLS.
	RequireTLS bool
	// Timeout bounds a submission, and CommandTimeout each answer but the last. Defaults:
	// 5 minutes, 1 minute.
	Timeout, CommandTimeout time.Duration
}

// Message is a message for one address.
type Message struct {
	// From is the envelope sender, "" for none; To the recipient.
	From, To string
	// Data is the message. Lines end in CRLF.
	Data []byte
	// ID is the envelope identifier for notifications (RFC 3461); "" for none.
	ID string
	// Quiet asks for no notification of any kind. Otherwise failures are asked for.
	Quiet bool
}

// Client submits messages. It keeps no connection open, and is safe for concurrent use.
type Client struct {
	o        Options
	network  string
	address  string
	host     string
	loopback bool // the socket is on this machine
}

// New returns a client. It connects to nothing.
func New(o Options) (*Client, error) {
	a, err := socket.Parse(o.Address)
	if err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	c := &Client{o: o, network: a.Network, address: a.Address}
	c.o.Timeout, c.o.CommandTimeout = cmp.Or(o.Timeout, 5*time.Minute), cmp.Or(o.CommandTimeout, time.Minute)
	switch a.Network {
	case "unix":
		c.loopback = true
	case "tcp", "tcp6":
		c.host, _, _ = net.SplitHostPort(a.Address)
		ip, err := netip.ParseAddr(c.host)
		c.loopback = err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(c.host, "localhost")
		if c.host == "" {
			return nil, fmt.Errorf("submission: %q names no host", o.Address)
		}
	default:
		return nil, fmt.Errorf("submission: %q is no address to connect to", o.Address)
	}
	if o.Hello == "" || strings.ContainsFunc(o.Hello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("submission: %q is no host name for EHLO", o.Hello)
	}
	return c, nil
}

// Submit hands over a message. It returns at the latest when ctx ends.
func (c *Client) Submit(ctx context.Context, m *Message) Answer {
	return c.do(ctx, func(s *session) Answer { return s.message(m) })
}

// do calls a function with a session that is logged in, or returns why there is none.
func (c *Client) do(ctx context.Context, f func(*session) Answer) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	s := &session{client: c, ctx: ctx, stage: Connect}
	defer s.close()
	if err := s.open(); err != nil {
		return s.failed(err)
	}
	if err := s.login(); err != nil {
		return s.failed(err)
	}
	return f(s)
}

// session is one connection.
type session struct {
	client *Client
	ctx    context.Context //nolint:containedctx // a session is one call of Submit or Probe
	conn   *boundedConn
	smtp   *smtp.Client
	stage  Stage
}

// quit ends the session. Nobody waits long for the answer.
func (s *session) quit() {
	s.smtp.CommandTimeout = min(s.client.o.CommandTimeout, 2*time.Second)
	_ = s.smtp.Quit()
	s.close()
}

func (s *session) close() {
	if s.conn != nil {
		s.conn.stop()
		_ = s.conn.Close()
	}
}

// open connects and says EHLO. With an MTA that offers TLS it connects again, since the
// library begins TLS with the first command of a connection alone.
func (s *session) open() error {
	if err := s.connect(); err != nil {
		return err
	}
	s.use(smtp.NewClient(s.conn))
	if err := s.hello(); err != nil {
		return err
	}
	offered, _ := s.smtp.Extension("STARTTLS")
	switch {
	case s.client.loopback:
		return nil
	case !offered && s.client.o.RequireTLS:
		s.stage = StartTLS
		return errNoTLS
	case !offered:
		return nil
	}
	s.quit()
	if err := s.connect(); err != nil {
		return err
	}
	s.stage = StartTLS
	encrypted, err := smtp.NewClientStartTLS(s.conn, s.client.tls())
	if err != nil {
		return err
	}
	s.use(encrypted)
	return s.smtp.Hello(s.client.o.Hello) // the handshake is a part of it
}

func (s *session) connect() error {
	s.stage = Connect
	d := net.Dialer{Timeout: s.client.o.CommandTimeout}
	conn, err := d.DialContext(s.ctx, s.client.network, s.client.address)
	if err != nil {
		return err
	}
	s.conn = bound(s.ctx, conn, s.client.o.CommandTimeout)
	return nil
}

func (s *session) use(c *smtp.Client) {
	c.CommandTimeout, c.SubmissionTimeout = s.client.o.CommandTimeout, s.client.o.Timeout
	s.smtp = c
}

func (s *session) hello() error {
	s.stage = Hello
	return s.smtp.Hello(s.client.o.Hello)
}

// tls returns the configuration for STARTTLS.
func (c *Client) tls() *tls.Config {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.o.TLS != nil {
		t = c.o.TLS.Clone()
	}
	t.ServerName = cmp.Or(t.ServerName, c.host)
	if c.o.Auth == nil {
		t.InsecureSkipVerify = true //nolint:gosec // the other choice is no encryption at all
	}
	return t
}

var (
	errNoTLS = errors.New("submission: the MTA offers no STARTTLS, and no message goes there in the clear")
	errPlain = errors.New("submission: the MTA offers no STARTTLS, and a password must not go there in the clear")
)

func (s *session) login() error {
	if s.client.o.Auth == nil {
		return nil
	}
	s.stage = Login
	a, err := s.client.o.Auth()
	if err != nil {
		return err
	}
	if _, encrypted := s.smtp.TLSConnectionState(); !encrypted && !s.client.loopback {
		return errPlain
	}
	mechanism, err := a.mechanism(s.smtp.SupportsAuth)
	if err != nil {
		return err
	}
	return s.smtp.Auth(mechanism)
}

// message hands over the message. Its last answer decides.
func (s *session) message(m *Message) Answer {
	s.stage = Mail
	notify := []smtp.DSNNotify{smtp.DSNNotifyFailure}
	if m.Quiet {
		notify = []smtp.DSNNotify{smtp.DSNNotifyNever}
	}
	if err := s.smtp.Mail(m.From, &smtp.MailOptions{Size: int64(len(m.Data)), Return: smtp.DSNReturnHeaders, EnvelopeID: m.ID}); err != nil {
		return s.failed(err)
	}
	s.stage = Recipient
	if err := s.smtp.Rcpt(m.To, &smtp.RcptOptions{Notify: notify}); err != nil {
		return s.failed(err)
	}
	s.stage = Data
	data, err := s.smtp.Data()
	if err != nil {
		return s.failed(err)
	}
	if _, err := data.Write(m.Data); err != nil {
		return s.failed(err)
	}
	s.stage = End
	response, err := data.CloseWithResponse()
	if err != nil {
		return s.failed(err)
	}
	s.quit() // the message is taken; an error of QUIT changes nothing
	status, text := cutStatus(response.StatusText)
	return Answer{Result: Accepted, Stage: End, Code: 250, Status: status, Text: shown(text)}
}

// failed returns the answer for an error.
func (s *session) failed(err error) Answer {
	a := Answer{Result: Temporary, Stage: s.stage, Err: err}
	var refused *smtp.SMTPError
	switch {
	case errors.As(err, &refused):
		a.Code, a.Text = refused.Code, shown(refused.Message)
		if e := refused.EnhancedCode; e[0] != 0 {
			a.Status = strconv.Itoa(e[0]) + "." + strconv.Itoa(e[1]) + "." + strconv.Itoa(e[2])
		}
		if refused.Code/100 == 5 {
			a.Result = Permanent
		}
	default:
		if end, _ := s.ctx.Deadline(); !time.Now().Before(end) { // the connection may know it first
			a.Err = context.DeadlineExceeded
		} else if ended := s.ctx.Err(); ended != nil {
			a.Err = ended
		}
		a.Text = shown(a.Err.Error())
		if s.stage == End {
			a.Result = Lost
		}
	}
	return a
}
