package filter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	readBuffer = 16 << 10
	// keptScratch is how large a packet buffer may be to be kept for the next.
	keptScratch = 64 << 10
)

// wire is the connection that go-milter sees. Read, Write and Close are called
// from one goroutine: that of go-milter's session once it runs.
type wire struct {
	net.Conn // the socket
	srv      *Server
	session  *session
	agreed   agreement
	in       *bufio.Reader
	quickAck func() // nil unless TCP on Linux
	cancel   context.CancelFunc
	close    sync.Once

	// Reading.
	pending   []byte    // what go-milter is to read before anything else
	packetEnd time.Time // deadline of the packet in hand, zero between packets
	scratch   []byte
	replay    []byte // the MTA's offer, for go-milter to read
	reason    error  // why reading ended

	// What a reply would answer.
	command byte
	owed    bool
	partial []byte // of a packet of ours
	saved   []byte // a verdict that came where no reply was due

	// Writing, also by the progress timer.
	wmu     sync.Mutex
	out     []byte // whole packets
	writing error  // the first error

	progress progress

	// What Shutdown has to know.
	smu     sync.Mutex
	inside  bool // a message is on its way
	waiting bool // blocked in a read between two packets
	killed  bool
}

func newWire(s *Server, c net.Conn, cancel context.CancelFunc) *wire {
	w := &wire{Conn: c, srv: s, cancel: cancel, quickAck: quickAck(c), in: readers.Get().(*bufio.Reader)}
	w.in.Reset(fillFunc(w.fill))
	return w
}

// readers are buffers that no connection uses. MTAs open one for each of their
// SMTP sessions, most of which have a single message.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// fillFunc is what the buffer reads from.
type fillFunc func([]byte) (int, error)

func (f fillFunc) Read(p []byte) (int, error) { return f(p) }

// Why a connection ends.
var (
	errDraining = errors.New("the server is closing")
	errProtocol = errors.New("protocol error")
)

// serve negotiates and hands the connection to go-milter, whose goroutine then
// ends it with Close.
func (w *wire) serve() {
	offer, err := w.offer()
	if err == nil {
		w.agreed, err = negotiate(offer[5:], w.srv.handler.Load().early != nil)
	}
	if err != nil {
		w.reason = err
		w.Close()
		return
	}
	if !w.agreed.exactHeader() && w.srv.inexact.CompareAndSwap(false, true) {
		w.srv.log.Warn("the MTA does not pass on the blank after a header field's colon; DKIM signatures with simple header canonicalization may fail (Postfix: milter_protocol = 6)",
			zap.Uint32("milter_protocol", w.agreed.version), zap.Stringer("remote", w.RemoteAddr()))
	}
	w.replay = offer
	one := &oneShot{conn: w}
	w.agreed.server(w.session).Serve(one) // returns io.EOF at once
}

// oneShot is a listener with one connection.
type oneShot struct{ conn net.Conn }

func (l *oneShot) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *oneShot) Close() error   { return nil }
func (l *oneShot) Addr() net.Addr { return &net.UnixAddr{} }

// fill reads from the socket. Whatever we have to say is said before we wait.
func (w *wire) fill(p []byte) (int, error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	if err := w.beginWait(); err != nil {
		return 0, err
	}
	if w.quickAck != nil {
		w.quickAck()
	}
	n, err := w.Conn.Read(p)
	w.smu.Lock()
	w.waiting = false
	w.smu.Unlock()
	if err != nil && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && w.packetEnd.IsZero() && w.srv.draining.Load() {
		err = errDraining
	}
	return n, err
}

func (w *wire) beginWait() error {
	end := w.packetEnd
	w.smu.Lock()
	defer w.smu.Unlock()
	if end.IsZero() {
		if w.mayLeave() {
			return errDraining
		}
		w.waiting = true
		end = time.Now().Add(w.srv.opt.ReadTimeout)
		if w.command == 0 {
			end = time.Now().Add(w.srv.opt.NegotiationTimeout)
		}
	}
	return w.Conn.SetReadDeadline(end)
}

func (w *wire) mayLeave() bool { return w.killed || !w.inside && w.srv.draining.Load() }

// wake ends the wait of a connection that is between two messages; the server
// is draining.
func (w *wire) wake() {
	w.smu.Lock()
	defer w.smu.Unlock()
	if w.waiting && !w.inside {
		w.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// kill ends the connection wherever it is, and reports whether it was inside a
// message.
func (w *wire) kill() bool {
	w.smu.Lock()
	defer w.smu.Unlock()
	w.killed = true
	w.cancel()
	w.Conn.Close()
	return w.inside
}

func (w *wire) setInside(inside bool) {
	w.smu.Lock()
	defer w.smu.Unlock()
	if inside != w.inside {
		w.inside = inside
		if inside {
			w.srv.count.busy.Add(1)
		} else {
			w.srv.count.busy.Add(-1)
		}
	}
}

// Read gives go-milter the packets that are for it. It ends in io.EOF, about
// which go-milter does not complain.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.pending) == 0 {
		if err := w.next(); err != nil {
			w.reason = err
			return 0, io.EOF
		}
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

// Close ends the connection and all that it started.
func (w *wire) Close() error {
	w.close.Do(func() {
		w.progress.stop()
		w.flush()
		w.cancel()
		queue := w.session.underWay()
		w.session.end()
		w.setInside(false)
		w.Conn.Close()
		w.report(queue)
		w.in.Reset(nil)
		readers.Put(w.in)
		w.in = nil // it may be another connection's now
		w.srv.ended(w)
	})
	return nil
}

// report says why the connection ended, if that is worth a line. queue is the
// message that it ended in, "" if in none.
func (w *wire) report(queue string) {
	w.smu.Lock()
	killed := w.killed
	w.smu.Unlock()
	warn := func(event string, more ...zap.Field) {
		w.srv.log.Warn(event, append(more, zap.Stringer("remote", w.RemoteAddr()),
			zap.String("client", clientIP(w.session.client)), text("queue", queue))...)
	}
	switch err := w.reason; {
	case killed || err == nil || errors.Is(err, io.EOF) || errors.Is(err, errDraining) || errors.Is(err, net.ErrClosed):
	case errors.Is(err, os.ErrDeadlineExceeded):
		if w.command == 0 || !w.packetEnd.IsZero() {
			warn("the MTA did not complete a packet in time, connection closed")
		}
		w.srv.count.timeouts.Add(1)
	case errors.Is(err, errProtocol), errors.Is(err, errOffer), errors.Is(err, io.ErrUnexpectedEOF), w.command == 0:
		warn("the MTA broke the milter protocol, connection closed", zapError(err))
		w.srv.count.protocolErrors.Add(1)
	default:
		warn("milter connection lost", zapError(err))
	}
}
