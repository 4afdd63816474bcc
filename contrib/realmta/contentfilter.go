//go:build linux

package realmta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// ContentFilter is an SMTP server that takes mail from an MTA, changes it, and hands it in
// again at another port, as amavis does.
type ContentFilter struct {
	listener net.Listener
	out      string
	sessions sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

// StartContentFilter starts a filter that listens on a port of 127.0.0.1, and hands mail
// in at out. Close ends it.
func StartContentFilter(port, out string) (*ContentFilter, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	f := &ContentFilter{listener: l, out: out}
	f.sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.sessions.Go(func() {
				if err := f.serve(conn); err != nil {
					f.mu.Lock()
					f.errs = append(f.errs, err)
					f.mu.Unlock()
				}
			})
		}
	})
	return f, nil
}

// Close ends the filter, and returns the errors of its sessions.
func (f *ContentFilter) Close() error {
	err := f.listener.Close()
	f.sessions.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(append(f.errs, err)...)
}

// serve takes the messages of one session.
func (f *ContentFilter) serve(conn net.Conn) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := textproto.NewConn(conn)
	if err := c.PrintfLine("220 filter ESMTP"); err != nil {
		return err
	}
	var from string
	var rcpts []string
	for range 1000 {
		line, err := c.ReadLine()
		if err != nil {
			return nil // the MTA ended the session
		}
		reply := "250 2.0.0 OK"
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "MAIL":
			from, rcpts = address(line), nil
		case "RCPT":
			rcpts = append(rcpts, address(line))
		case "DATA":
			if err := c.PrintfLine("354 go on"); err != nil {
				return err
			}
			msg, err := c.ReadDotBytes()
			if err != nil {
				return err
			}
			if reply, err = f.handOn(from, rcpts, msg); err != nil {
				return errors.Join(err, c.PrintfLine("451 4.3.0 %v", err))
			}
		case "QUIT":
			return c.PrintfLine("221 2.0.0 bye")
		}
		if err := c.PrintfLine("%s", reply); err != nil {
			return err
		}
	}
	return errors.New("realmta: a session without end")
}

// address returns what stands between "<" and ">".
func address(line string) string {
	_, a, _ := strings.Cut(line, "<")
	a, _, _ = strings.Cut(a, ">")
	return a
}

// handOn changes a message and hands it in. It returns the reply to it.
func (f *ContentFilter) handOn(from string, rcpts []string, msg []byte) (string, error) {
	c, err := Dial(context.Background(), "127.0.0.1", f.out)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO localhost"); err != nil {
		return "", err
	}
	head, body, _ := bytes.Cut(msg, []byte("\n\n"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "X-Virus-Scanned: by a filter\nReceived: from localhost ([127.0.0.1])\n\tby localhost (filter [127.0.0.1]) with ESMTP;\n\t%s\n", time.Now().Format(time.RFC1123Z))
	fmt.Fprintf(&b, "%s\n\n%s\nScanned by a filter.\n", head, body)
	r, err := c.Send(from, rcpts, bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n")))
	if err != nil {
		return "", err
	}
	return r.String(), nil
}
