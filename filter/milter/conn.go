package milter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	gomilter "github.com/emersion/go-milter"
	"go.uber.org/zap"
)

// Conn is one connection of an MTA. Its methods are called from the goroutine
// that also calls those of its Session.
type Conn struct {
	server   *Server
	socket   net.Conn
	listener string
	session  Session
	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	ending   sync.Once

	agreed agreement
	macros macros
	client netip.Addr // of the SMTP session, for the log

	// Reading, see input.go.
	in        *bufio.Reader
	quickAck  func()    // nil unless TCP on Linux
	packetEnd time.Time // deadline of the packet that is being read, zero between packets
	scratch   []byte
	offer     []byte // the MTA's offer, for go-milter to read
	passed    []byte // what go-milter reads next
	reason    error  // why reading ended

	// The reply to the last command, see replies.go.
	command byte
	owed    bool   // the MTA waits for it
	partial []byte // the start of a packet from go-milter
	saved   []byte // a refusal for which the MTA did not wait

	out      output
	progress progress
	state    state
}

func newConn(s *Server, socket net.Conn, listener string) *Conn {
	c := &Conn{server: s, socket: socket, listener: listener, quickAck: quickAck(socket), in: readers.Get().(*bufio.Reader)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.in.Reset(readerFunc(c.fill))
	c.out.socket = socket
	c.session = s.newSession(c)
	return c
}

// Context returns a context that ends with the connection.
func (c *Conn) Context() context.Context { return c.ctx }

// Listener returns the name that Serve was given for the socket that the MTA
// connected to.
func (c *Conn) Listener() string { return c.listener }

// QueueID returns the MTA's id of the present or last message, "" if the MTA has not sent
// one yet.
func (c *Conn) QueueID() string { return c.macros.queueID }

// AwaitsReply reports whether the MTA waits for a reply to the command that the Session is
// handling.
func (c *Conn) AwaitsReply() bool { return c.owed }

// serve negotiates and passes the connection to go-milter, whose goroutine ends it.
func (c *Conn) serve() {
	if err := c.negotiate(); err != nil {
		c.reason = err
		c.end()
		return
	}
	server := &gomilter.Server{
		NewMilter: func() gomilter.Milter { return backend{c: c} },
		Actions:   c.agreed.actions,
		Protocol:  c.agreed.protocol,
	}
	_ = server.Serve(&oneConn{conn: &stream{Conn: c.socket, c: c}}) // returns io.EOF at once
}

// oneConn is a listener with one connection.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// stream is the connection for go-milter. It has only the packets that go-milter handles.
type stream struct {
	net.Conn
	c *Conn
}

// Read handles packets until there is one for go-milter. At the end it returns io.EOF,
// which go-milter does not log.
func (s *stream) Read(p []byte) (int, error) {
	c := s.c
	for len(c.passed) == 0 {
		if err := c.next(); err != nil {
			c.reason = err
			return 0, io.EOF
		}
	}
	n := copy(p, c.passed)
	c.passed = c.passed[n:]
	return n, nil
}

// Write sends the packets that go-milter writes. It never fails, because an error of the
// socket ends the next Read.
func (s *stream) Write(p []byte) (int, error) {
	s.c.collect(p)
	return len(p), nil
}

func (s *stream) Close() error {
	s.c.end()
	return nil
}

// end ends the connection and all that it started.
func (c *Conn) end() {
	c.ending.Do(func() {
		defer c.server.ended(c)
		c.progress.stop()
		_ = c.out.flush()
		c.cancel()
		queue := ""
		if c.state.message {
			queue = c.QueueID()
		}
		c.call(c.abort)
		c.setInMessage(false) // also if that panicked
		c.call(c.session.Close)
		c.socket.Close()
		c.report(queue)
		c.in.Reset(nil)
		readers.Put(c.in)
		c.in = nil // another connection may use it now
	})
}

// call calls f and recovers from its panic.
func (c *Conn) call(f func()) {
	defer c.recovered(&c.reason)
	f()
}

// errPanicked ends a connection after a panic.
var errPanicked = errors.New("panic")

// recovered is deferred around all code that handles what an MTA sent. A panic ends the
// connection and not the program.
func (c *Conn) recovered(err *error) {
	if v := recover(); v != nil {
		*err = errPanicked
		c.session.Panicked(v)
	}
}

// report logs and counts the reason why the connection ended, unless it is a usual one.
// queue is the id of the message that was cut off, "" if there was none.
func (c *Conn) report(queue string) {
	warn := func(event string, more ...zap.Field) {
		c.server.log.Warn(event, append(more, zap.Stringer("remote", c.socket.RemoteAddr()),
			zap.String("client", c.clientText()), text("queue", queue))...)
	}
	switch err := c.reason; {
	case c.state.wasKilled() || err == nil || errors.Is(err, io.EOF) || errors.Is(err, errDraining) || errors.Is(err, net.ErrClosed) || errors.Is(err, errPanicked):
	case errors.Is(err, os.ErrDeadlineExceeded):
		if c.command == 0 || !c.packetEnd.IsZero() {
			warn("the MTA did not complete a packet in time, connection closed")
		}
		c.server.count.timeouts.Add(1)
	case errors.Is(err, errProtocol), errors.Is(err, io.ErrUnexpectedEOF), c.command == 0:
		warn("the MTA broke the milter protocol, connection closed", zapError(err))
		c.server.count.protocolErrors.Add(1)
	default:
		warn("milter connection lost", zapError(err))
	}
}
