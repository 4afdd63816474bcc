package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// dialTimeout bounds connecting, which takes long only if the kernel's queue is full.
const dialTimeout = 5 * time.Second

// Client asks a running service. Each request has a connection of its own, so a
// client outlives restarts of the service.
type Client struct {
	// Socket is the path.
	Socket string
	// Postvet is the version of this program, for the error if the service has
	// another one.
	Postvet string
	// Trusted demands that root or our own user listens at the socket, for answers that
	// are believed.
	Trusted bool
}

// Unreachable is the error of a request that did not reach the service or got no
// answer. The service may have carried it out.
type Unreachable struct {
	text string
	err  error
}

func (u *Unreachable) Error() string { return u.text }
func (u *Unreachable) Unwrap() error { return u.err }

func unreachable(err error, format string, args ...any) error {
	return &Unreachable{text: fmt.Sprintf(format, args...), err: err}
}

// Do sends a request, waits for the response until ctx ends, and decodes its
// result into result. The error is a *Refusal if the service refuses, and an
// *Unreachable otherwise. Both say what to do, a line for each fault.
func (c *Client) Do(ctx context.Context, q Request, result any) error {
	conn, writeErr, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	r, err := readResponse(bufio.NewReader(limited), limited)
	if err != nil {
		return c.noAnswer(ctx, writeErr, err)
	}
	if err := c.result(r); err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return c.mismatch(r)
	}
	return nil
}

// send connects and sends a request. A server that refuses us answers before it has
// read, and its answer counts; writeErr is then why the request could not be sent.
func (c *Client) send(ctx context.Context, q Request) (conn net.Conn, writeErr, err error) {
	line, err := marshalRequest(q)
	if err != nil {
		return nil, nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	if conn, err = d.DialContext(ctx, "unix", c.Socket); err != nil {
		return nil, nil, c.dialError(err)
	}
	if c.Trusted {
		if err := trusted(conn); err != nil {
			conn.Close()
			return nil, nil, unreachable(err, "%s is not trusted: %v; have it served by one of these", c.Socket, err)
		}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(dialTimeout))
	_, writeErr = conn.Write(line)
	return conn, writeErr, nil
}

// noAnswer returns the error for a request that got no answer because of err.
func (c *Client) noAnswer(ctx context.Context, writeErr, err error) error {
	switch {
	case ctx.Err() != nil:
		return unreachable(ctx.Err(), "the service did not answer in time; look at its log, it may still do what was asked")
	case writeErr != nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return unreachable(err, "the service closed %s without an answer; look at its log, it may have been stopped", c.Socket)
	}
	return unreachable(err, "what listens on %s is not Postvet's control socket; name the right one with --socket", c.Socket)
}

// result returns why a response has no result for us, nil if it has one.
func (c *Client) result(r Response) error {
	switch {
	case r.Code != "":
		return c.refusal(r)
	case r.V != Version:
		return c.mismatch(r)
	}
	return nil
}

// readResponse reads the next response from text, which reads from limited.
func readResponse(text *bufio.Reader, limited *io.LimitedReader) (Response, error) {
	var r Response
	line, err := text.ReadBytes('\n')
	switch {
	case err != nil && limited.N <= 0:
		return r, errors.New("the answer has no end")
	case err != nil && len(line) > 0 && errors.Is(err, io.EOF):
		return r, io.EOF
	case err != nil:
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&r); err != nil || r.V == 0 {
		return r, errors.New("the answer is not understood")
	}
	return r, nil
}

func (c *Client) refusal(r Response) error {
	if r.Code == CodeVersion {
		return c.mismatch(r)
	}
	if len(r.Errors) == 0 {
		r.Errors = []string{"the service says no without a reason; look at its log"}
	}
	return &Refusal{Code: r.Code, Errors: r.Errors}
}

func (c *Client) mismatch(r Response) error {
	return refuse(CodeVersion, "the service is %s and is not understood by this command, %s; restart the service (systemctl restart postvet) or use the command that belongs to it",
		orUnknown(r.Postvet), orUnknown(c.Postvet))
}

func orUnknown(s string) string {
	if s == "" {
		return "of an unknown version"
	}
	return s
}

// dialError returns an error that says what an administrator can do.
func (c *Client) dialError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unreachable(err, "no service at %s: it does not run, or its configuration has no control.socket; start it (systemctl start postvet) or name the socket with --socket", c.Socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		// The kernel says the same of a file that is no socket.
		if info, err := os.Stat(c.Socket); err == nil && info.Mode()&fs.ModeSocket == 0 {
			return unreachable(err, "%s is not a socket; name the right one with --socket", c.Socket)
		}
		return unreachable(err, "nobody answers at %s: the file is left from a service that is dead; start it (systemctl start postvet), it replaces the file", c.Socket)
	case errors.Is(err, fs.ErrPermission):
		return unreachable(err, "permission denied for user %d at %s; become root or the user of the service, or name a group of yours in control.group", os.Getuid(), c.Socket)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return unreachable(err, "the service at %s does not take the connection; look at its log, it may hang", c.Socket)
	case errors.Is(err, syscall.EPROTOTYPE), errors.Is(err, syscall.ENOTSOCK):
		return unreachable(err, "%s is not a control socket; name the right one with --socket", c.Socket)
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unreachable(err, "cannot connect to %s: %v; name the right socket with --socket", c.Socket, errno)
	}
	return unreachable(err, "cannot connect to %s: %v; name the right socket with --socket", c.Socket, err)
}
