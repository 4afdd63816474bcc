//go:build linux

package realmta

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Reply is an SMTP reply.
type Reply struct {
	Code int
	// Text is the text behind the code, enhanced code included. The lines of a
	// longer reply are joined by "\n".
	Text string
}

func (r Reply) String() string { return strconv.Itoa(r.Code) + " " + r.Text }

// Class returns the first digit of the code.
func (r Reply) Class() int { return r.Code / 100 }

// Client speaks SMTP exactly as the caller says: it sends nothing unasked and
// keeps no order. Timeout bounds every exchange.
type Client struct {
	// Greeting is the server's first reply.
	Greeting Reply
	// Timeout bounds the wait for one reply; Dial sets two minutes.
	Timeout time.Duration

	conn net.Conn
	r    *bufio.Reader
}

// Dial connects from the address local ("" for any) to addr, host:port, and
// reads the greeting.
func Dial(ctx context.Context, local, addr string) (*Client, error) {
	d := net.Dialer{Timeout: patience}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	c := &Client{conn: conn, r: bufio.NewReader(conn), Timeout: patience}
	if c.Greeting, err = c.Read(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// pipes is a connection made of a child's standard input and output. It has no
// deadlines: the child's context bounds it.
type pipes struct {
	net.Conn
	io.WriteCloser
	r io.Reader
}

func (p pipes) Read(b []byte) (int, error)       { return p.r.Read(b) }
func (p pipes) Write(b []byte) (int, error)      { return p.WriteCloser.Write(b) }
func (p pipes) Close() error                     { return p.WriteCloser.Close() }
func (p pipes) SetReadDeadline(time.Time) error  { return nil }
func (p pipes) SetWriteDeadline(time.Time) error { return nil }

// submitOver sends one message to a server at the other end of two pipes.
func submitOver(in io.WriteCloser, out io.Reader, from, rcpt string, msg []byte) (Reply, error) {
	c := &Client{conn: pipes{WriteCloser: in, r: out}, r: bufio.NewReader(out)}
	if r, err := c.Read(); err != nil || r.Class() != 2 {
		return r, err
	}
	if r, err := c.Cmd("HELO localhost"); err != nil || r.Class() != 2 {
		return r, err
	}
	r, err := c.Send(from, []string{rcpt}, msg)
	if err != nil {
		return r, err
	}
	_, err = c.Cmd("QUIT")
	return r, err
}

// Write sends bytes as they are.
func (c *Client) Write(p []byte) error {
	c.conn.SetWriteDeadline(time.Now().Add(c.Timeout))
	_, err := c.conn.Write(p)
	return err
}

// Read reads one reply.
func (c *Client) Read() (Reply, error) {
	c.conn.SetReadDeadline(time.Now().Add(c.Timeout))
	var r Reply
	var lines []string
	for range 1000 {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return r, fmt.Errorf("realmta: reading the reply: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			return r, fmt.Errorf("realmta: reply %q", line)
		}
		if r.Code, err = strconv.Atoi(line[:3]); err != nil {
			return r, fmt.Errorf("realmta: reply %q", line)
		}
		lines = append(lines, line[min(4, len(line)):])
		if len(line) == 3 || line[3] != '-' {
			r.Text = strings.TrimSpace(strings.Join(lines, "\n"))
			return r, nil
		}
	}
	return r, errors.New("realmta: a reply without end")
}

// Cmd sends a line and reads its reply.
func (c *Client) Cmd(format string, args ...any) (Reply, error) {
	if err := c.Write([]byte(fmt.Sprintf(format, args...) + "\r\n")); err != nil {
		return Reply{}, fmt.Errorf("realmta: %w", err)
	}
	return c.Read()
}

// Data sends DATA and, if the reply is 354, the message, dot-stuffed and with
// its line ends as they are. It returns the last reply.
func (c *Client) Data(msg []byte) (Reply, error) {
	r, err := c.Cmd("DATA")
	if err != nil || r.Code != 354 {
		return r, err
	}
	if err := c.Write(DotStuff(msg)); err != nil {
		// The server may have replied and closed: its reply counts.
		if r, rerr := c.Read(); rerr == nil {
			return r, nil
		}
		return Reply{}, fmt.Errorf("realmta: %w", err)
	}
	return c.Read()
}

// DotStuff returns the message as it follows the 354, with its end.
func DotStuff(msg []byte) []byte {
	out := make([]byte, 0, len(msg)+64)
	for line := range bytes.SplitAfterSeq(msg, []byte("\n")) {
		if len(line) > 0 && line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
	}
	if !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...)
}

// Send sends one message and returns the first reply that refuses something,
// or the last one.
func (c *Client) Send(from string, rcpts []string, msg []byte) (Reply, error) {
	r, err := c.Cmd("MAIL FROM:<%s>", from)
	if err != nil || r.Class() != 2 {
		return r, err
	}
	for _, rcpt := range rcpts {
		if r, err := c.Cmd("RCPT TO:<%s>", rcpt); err != nil || r.Class() != 2 {
			return r, err
		}
	}
	return c.Data(msg)
}

// Deliver sends one message from a client to an MTA and returns the first reply that
// refuses something, or the last one.
func Deliver(ctx context.Context, m MTA, client, from, rcpt string, msg []byte) (Reply, error) {
	c, err := Dial(ctx, client, m.Addr())
	if err != nil {
		return Reply{}, err
	}
	defer c.Close()
	return c.Deliver(HeloName(client), from, rcpt, msg)
}

// Deliver sends one message as the first of a session, with a name for EHLO. It returns the first
// reply that refuses something, the greeting included, or the last one.
func (c *Client) Deliver(helo, from, rcpt string, msg []byte) (Reply, error) {
	if c.Greeting.Class() != 2 {
		return c.Greeting, nil
	}
	if r, err := c.Cmd("EHLO %s", helo); err != nil || r.Class() != 2 {
		return r, err
	}
	return c.Send(from, []string{rcpt}, msg)
}

// StartTLS changes to TLS. The certificate is not verified.
func (c *Client) StartTLS(ctx context.Context) (Reply, error) {
	r, err := c.Cmd("STARTTLS")
	if err != nil || r.Code != 220 {
		return r, err
	}
	t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true}) // self-signed, made for this run
	if err := t.HandshakeContext(ctx); err != nil {
		return r, fmt.Errorf("realmta: %w", err)
	}
	c.conn, c.r = t, bufio.NewReader(t)
	return r, nil
}

// XClient has Postfix treat the session as that of another client, which then
// says EHLO with its own name.
func (c *Client) XClient(ip, helo string) (Reply, error) {
	if r, err := c.Cmd("XCLIENT ADDR=%s NAME=[UNAVAILABLE]", ip); err != nil || r.Class() != 2 {
		return r, err
	}
	return c.Cmd("EHLO %s", helo)
}

// AuthPlain logs in.
func (c *Client) AuthPlain(user, password string) (Reply, error) {
	return c.Cmd("AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password)))
}

// Quit says goodbye and closes.
func (c *Client) Quit() (Reply, error) {
	r, err := c.Cmd("QUIT")
	return r, errors.Join(err, c.Close())
}

// Close closes the connection without QUIT.
func (c *Client) Close() error { return c.conn.Close() }

// Reset drops the connection with a TCP reset, as a client that crashes does.
func (c *Client) Reset() error {
	if t, ok := c.conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	return c.conn.Close()
}

// Gone waits until the server closes the connection.
func (c *Client) Gone() error {
	c.conn.SetReadDeadline(time.Now().Add(c.Timeout))
	_, err := io.Copy(io.Discard, c.r)
	return err
}
