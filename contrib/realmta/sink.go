//go:build linux

package realmta

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// RefusedBySink begins the addresses that a [Sink] refuses.
const RefusedBySink = "refused-"

// Sink is the SMTP server to which an MTA relays mail. It keeps what it gets, octet for
// octet.
type Sink struct {
	extensions []string
	listener   net.Listener
	sessions   sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
	got  []Relayed
}

// Relayed is a message that a [Sink] got.
type Relayed struct {
	// Mail is what stood behind MAIL FROM: the address in "<" and ">", and parameters.
	Mail string
	// Recipients are the addresses of RCPT TO.
	Recipients []string
	// Message is the message without its dot-stuffing, with the line ends as they came.
	Message []byte
}

// StartSink starts a server at an address, host:port, that announces these extensions,
// such as "8BITMIME". Close ends it.
func StartSink(addr string, extensions ...string) (*Sink, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	s := &Sink{extensions: extensions, listener: l, open: map[net.Conn]bool{}}
	s.sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.sessions.Go(func() {
				s.serve(conn)
				conn.Close()
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
			})
		}
	})
	return s, nil
}

// Close ends the server and its sessions.
func (s *Sink) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.sessions.Wait()
	return err
}

// Await waits for a message to an address.
func (s *Sink) Await(ctx context.Context, rcpt string) (Relayed, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.got, func(r Relayed) bool { return slices.Contains(r.Recipients, rcpt) })
		var found Relayed
		if i >= 0 {
			found = s.got[i]
		}
		s.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return Relayed{}, fmt.Errorf("%w: the sink got no message to %s", errGaveUp, rcpt)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serve takes the messages of one session. What the MTA gets wrong ends the session, and
// the MTA says so in its log.
func (s *Sink) serve(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(2 * patience))
	r := bufio.NewReader(conn)
	say := func(lines ...string) bool {
		_, err := conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n"))
		return err == nil
	}
	if !say("220 sink.example ESMTP") {
		return
	}
	var now Relayed
	for range 10000 {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		reply := []string{"250 2.0.0 OK"}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			reply = nil
			for _, e := range s.extensions {
				reply = append(reply, "250-"+e)
			}
			reply = append([]string{"250-sink.example"}, append(reply, "250 ENHANCEDSTATUSCODES")...)
		case "MAIL":
			now = Relayed{Mail: line[len("MAIL FROM:"):]}
		case "RCPT":
			if rcpt := address(line); strings.HasPrefix(rcpt, RefusedBySink) {
				reply = []string{"550 5.1.1 no such user"}
			} else {
				now.Recipients = append(now.Recipients, rcpt)
			}
		case "DATA":
			if !say("354 go on") {
				return
			}
			if now.Message, err = readDots(r); err != nil {
				return
			}
			s.mu.Lock()
			s.got = append(s.got, now)
			s.mu.Unlock()
		case "QUIT":
			say("221 2.0.0 bye")
			return
		}
		if !say(reply...) {
			return
		}
	}
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
