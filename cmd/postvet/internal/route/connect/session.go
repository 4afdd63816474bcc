package connect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// session speaks SMTP on a connection (RFC 5321).
type session struct {
	conn  net.Conn
	r     *bufio.Reader
	left  *io.LimitedReader // what the server may still say
	d     *Dialogue
	limit time.Duration
}

func newSession(conn net.Conn, d *Dialogue, limit time.Duration) *session {
	s := &session{d: d, limit: limit}
	s.use(conn)
	return s
}

// use goes on with a connection.
func (s *session) use(conn net.Conn) {
	s.conn = conn
	s.left = &io.LimitedReader{R: conn, N: maxReply}
	s.r = bufio.NewReaderSize(s.left, 4096)
}

// greet reads the banner and the extensions.
func (s *session) greet(helo string) bool {
	code, lines, err := s.reply()
	switch {
	case err != nil:
		s.d.Err = s.fault(Banner, err)
		return false
	case code != 220:
		s.d.Err = refusal(Banner, code, lines)
		return false
	}
	s.d.Banner = text(lines)
	return s.ehlo(helo)
}

// ehlo asks for the extensions (RFC 5321 section 4.1.1.1).
func (s *session) ehlo(helo string) bool {
	code, lines, err := s.command("EHLO " + helo)
	switch {
	case err != nil:
		s.d.Err = s.fault(EHLO, err)
		return false
	case code != 250:
		s.d.Err = refusal(EHLO, code, lines)
		return false
	}
	s.d.Extensions = nil
	for _, l := range lines[1:] {
		s.d.Extensions = append(s.d.Extensions, foreign.Line(strings.ToUpper(l), 100))
		s.d.STARTTLS = s.d.STARTTLS || strings.EqualFold(strings.TrimSpace(l), "STARTTLS")
	}
	return true
}

// begin asks for TLS (RFC 3207).
func (s *session) begin() bool {
	code, lines, err := s.command("STARTTLS")
	switch {
	case err != nil:
		s.d.Err = s.fault(StartTLS, err)
		return false
	case code != 220:
		s.d.Err = refusal(StartTLS, code, lines)
		return false
	}
	s.d.Injected = s.r.Buffered() > 0
	return true
}

// quit leaves. The server's answer changes nothing.
func (s *session) quit() {
	if s.d.Err != nil && (s.d.Err.Timeout || s.d.Err.Stage == Handshake) {
		return
	}
	_, _, _ = s.command("QUIT")
}

func (s *session) command(line string) (code int, lines []string, err error) {
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil {
		return 0, nil, err
	}
	return s.reply()
}

// The faults of replies.
var (
	errLong  = errors.New("its reply is too long")
	errReply = errors.New("its reply is no SMTP")
)

// reply reads one reply, whose lines lose their codes (RFC 5321 section 4.2).
func (s *session) reply() (code int, lines []string, err error) {
	for {
		b, err := s.r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull), len(lines) == maxLines:
			return 0, nil, errLong
		case errors.Is(err, io.EOF) && s.left.N <= 0:
			return 0, nil, errLong
		case err != nil:
			return 0, nil, err
		}
		line := strings.TrimRight(string(b), "\r\n")
		n, ok := replyCode(line)
		if !ok || len(lines) > 0 && n != code {
			return 0, nil, errReply
		}
		code = n
		lines = append(lines, line[min(4, len(line)):])
		if len(line) == 3 || line[3] != '-' {
			return code, lines, nil
		}
	}
}

func replyCode(line string) (code int, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		code = code*10 + int(c-'0')
	}
	return code, true
}

// fault returns an error of a reply.
func (s *session) fault(stage Stage, err error) *Error {
	if errors.Is(err, errLong) || errors.Is(err, errReply) {
		return &Error{Stage: stage, Text: err.Error()}
	}
	return failure(stage, err, s.limit)
}

// refusal returns a reply that ends the dialogue.
func refusal(stage Stage, code int, lines []string) *Error {
	return &Error{Stage: stage, Code: code, Text: fmt.Sprintf("it says %d %s", code, text(lines))}
}

// text returns the lines of a reply on one line.
func text(lines []string) string { return foreign.Line(strings.Join(lines, " "), maxText) }
