//go:build linux

package realmta

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// smtpServer is the receiving side of SMTP, as far as an MTA needs it that relays mail. It
// understands no error of the MTA: one ends the session, and the MTA says so in its log.
type smtpServer struct {
	name       string
	extensions []string
	// refuses reports whether a recipient is refused. Nil for none.
	refuses func(rcpt string) bool
	// take takes a message and returns the reply to it.
	take func(Relayed) string

	listener net.Listener
	sessions sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
	errs []error
}

// Relayed is a message that an MTA has relayed to a server for tests.
type Relayed struct {
	// Mail is what stood behind MAIL FROM: the address in "<" and ">", and parameters.
	Mail string
	// Recipients are the addresses of RCPT TO.
	Recipients []string
	// Message is the message without its dot-stuffing, with the line ends as they came.
	Message []byte
}

// listen serves an address, host:port.
func (s *smtpServer) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	s.listener, s.open = l, map[net.Conn]bool{}
	s.sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.sessions.Go(func() { s.session(conn) })
		}
	})
	return nil
}

// session serves a connection.
func (s *smtpServer) session(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(2 * patience))
	err := s.serve(conn)
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	if err != nil {
		s.errs = append(s.errs, err)
	}
}

// wait ends the server once the MTA has ended its sessions, and returns their errors.
func (s *smtpServer) wait() error {
	err := s.listener.Close()
	s.sessions.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(s.errs, err)...)
}

// close ends the server and its sessions.
func (s *smtpServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.sessions.Wait()
	return err
}

// serve takes the messages of one session.
func (s *smtpServer) serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	say := func(lines ...string) error {
		_, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n")
		return err
	}
	if err := say("220 " + s.name + " ESMTP"); err != nil {
		return err
	}
	var now Relayed
	for range 10000 {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil // the MTA ended the session
		}
		line = strings.TrimRight(line, "\r\n")
		reply := []string{"250 2.0.0 OK"}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			reply = s.greeting()
		case "MAIL":
			now = Relayed{Mail: line[len("MAIL FROM:"):]}
		case "RCPT":
			if rcpt := address(line); s.refuses != nil && s.refuses(rcpt) {
				reply = []string{"550 5.1.1 no such user"}
			} else {
				now.Recipients = append(now.Recipients, rcpt)
			}
		case "DATA":
			if err := say("354 go on"); err != nil {
				return err
			}
			if now.Message, err = readDots(r); err != nil {
				return err
			}
			reply = []string{s.take(now)}
		case "QUIT":
			return say("221 2.0.0 bye")
		}
		if err := say(reply...); err != nil {
			return err
		}
	}
	return errors.New("realmta: a session without end")
}

// greeting returns the reply to EHLO.
func (s *smtpServer) greeting() []string {
	lines := append([]string{s.name}, s.extensions...)
	for i := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		lines[i] = "250" + between + lines[i]
	}
	return lines
}

// address returns what stands between "<" and ">".
func address(line string) string {
	_, a, _ := strings.Cut(line, "<")
	a, _, _ = strings.Cut(a, ">")
	return a
}

// readDots reads a message up to the line with a dot alone, and leaves its line ends as
// they are.
func readDots(r *bufio.Reader) ([]byte, error) {
	const most = 16 << 20
	var b bytes.Buffer
	for b.Len() < most {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return b.Bytes(), nil
		}
		if line[0] == '.' && (b.Len() == 0 || b.Bytes()[b.Len()-1] == '\n') {
			line = line[1:]
		}
		b.Write(line)
	}
	return nil, errors.New("realmta: a message without end")
}
