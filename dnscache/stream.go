package dnscache

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Bounds of the connections to one upstream.
const (
	maxStreams   = 8                // connections
	maxPipelined = 256              // questions under way on each
	streamIdle   = 10 * time.Second // then it is closed (RFC 7766 section 6.2.3)
)

var (
	errStreamEnded = errors.New("connection ended")
	errStreamFull  = errors.New("too many questions on all connections")
)

// streams are the connections to one upstream, over TCP or TLS. They are kept
// open between questions, carry several at a time, and take the answers in any
// order (RFC 7766 section 6.2.1.1, RFC 7858 section 3.4).
type streams struct {
	dial       func(ctx context.Context) (net.Conn, error)
	dialTime   time.Duration
	idle       time.Duration
	background func(func(context.Context)) bool

	mu     sync.Mutex
	open   []*stream // being dialled, or usable
	dialed uint64
}

// stream is one connection. Its fields belong to the lock of its streams,
// apart from conn, which is set before ready is closed.
type stream struct {
	ready chan struct{} // closed when dialled, or failed to be
	conn  net.Conn
	write sync.Mutex

	waiting map[uint16]chan<- []byte // by id; closed without a value when the stream ends
	used    bool                     // has brought an answer
	heard   uint64                   // answers so far
	err     error                    // why it ended
}

// exchange sends a packed message, whose id it overwrites, and returns the
// response, unread. A connection that ends before the answer came is replaced
// once the question is put again: the upstream may close one at any time.
func (ss *streams) exchange(ctx context.Context, packed []byte) (resp []byte, id uint16, err error) {
	for try := 0; ; try++ {
		var used bool
		resp, id, used, err = ss.try(ctx, packed)
		if err == nil || !used || try == 2 || ctx.Err() != nil {
			return resp, id, err
		}
	}
}

// try is one turn of exchange. used reports whether the connection had worked
// before, so that its end says nothing about the question.
func (ss *streams) try(ctx context.Context, packed []byte) (resp []byte, id uint16, used bool, err error) {
	answer := make(chan []byte, 1)
	s, id, err := ss.join(answer)
	if err != nil {
		return nil, 0, false, err
	}
	heard := ss.heard(s)
	defer ss.leave(s, id)
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, id, false, ctx.Err()
	}
	if s.conn != nil {
		// Length and message in one segment: RFC 7766 section 8.
		b := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packed)), uint16(len(packed))), packed...)
		binary.BigEndian.PutUint16(b[2:], id)
		if err := s.send(ctx, b); err != nil {
			ss.end(s, err)
		}
	}
	select {
	case resp, ok := <-answer:
		if ok {
			return resp, id, true, nil
		}
		ss.mu.Lock()
		defer ss.mu.Unlock()
		return nil, id, s.used, s.err
	case <-ctx.Done():
		// Nothing at all came while we waited: the connection may be dead
		// without anybody having told us.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && ss.heard(s) == heard {
			ss.end(s, errStreamEnded)
		}
		return nil, id, false, ctx.Err()
	}
}

// join takes a place on the connection with the fewest questions, or on a new
// one if all have some and there may be more.
func (ss *streams) join(answer chan<- []byte) (*stream, uint16, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var s *stream
	for _, o := range ss.open {
		if s == nil || len(o.waiting) < len(s.waiting) {
			s = o
		}
	}
	if s == nil || len(s.waiting) > 0 && len(ss.open) < maxStreams {
		n := &stream{ready: make(chan struct{}), waiting: map[uint16]chan<- []byte{}}
		if !ss.background(func(ctx context.Context) { ss.run(ctx, n) }) {
			return nil, 0, ErrClosed
		}
		ss.open, s = append(ss.open, n), n
		ss.dialed++
	}
	if len(s.waiting) >= maxPipelined { // so there are free ids
		return nil, 0, errStreamFull
	}
	id := uint16(rand.Uint32())
	for s.waiting[id] != nil {
		id++
	}
	s.waiting[id] = answer
	return s, id, nil
}

func (ss *streams) leave(s *stream, id uint16) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(s.waiting, id)
}

func (ss *streams) heard(s *stream) uint64 {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return s.heard
}

// send writes one message; the deadline of ctx bounds it.
func (s *stream) send(ctx context.Context, b []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	if d, ok := ctx.Deadline(); ok {
		s.conn.SetWriteDeadline(d)
	}
	_, err := s.conn.Write(b)
	return err
}

// end takes a connection out of use and tells those who wait.
func (ss *streams) end(s *stream, err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	for i, o := range ss.open {
		if o == s {
			ss.open = append(ss.open[:i:i], ss.open[i+1:]...)
			break
		}
	}
	for id, w := range s.waiting {
		close(w)
		delete(s.waiting, id)
	}
	if s.conn != nil {
		s.conn.Close()
	}
}

// run dials a connection and reads from it until it ends.
func (ss *streams) run(ctx context.Context, s *stream) {
	var err error
	// If something panics, err is nil.
	defer func() { ss.end(s, cmp.Or(err, errStreamEnded)) }()
	if err = ss.connect(ctx, s); err != nil {
		return
	}
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })()
	for err == nil {
		err = ss.read(s)
	}
}

// connect dials a connection and tells those who wait for it.
func (ss *streams) connect(ctx context.Context, s *stream) error {
	defer close(s.ready)
	ctx, cancel := context.WithTimeout(ctx, ss.dialTime)
	defer cancel()
	conn, err := ss.dial(ctx)
	if err != nil {
		return err
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.conn = conn
	return nil
}

// read takes one answer off the connection and hands it to who waits for it.
func (ss *streams) read(s *stream) error {
	s.conn.SetReadDeadline(time.Now().Add(ss.idle))
	var length [2]byte
	if _, err := io.ReadFull(s.conn, length[:]); err != nil {
		return fmt.Errorf("%w: %w", errStreamEnded, err)
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(s.conn, b); err != nil {
		return fmt.Errorf("%w: %w", errStreamEnded, err)
	}
	if len(b) < 12 {
		return fmt.Errorf("%w: %w", errStreamEnded, errMalformed)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s.used = true
	s.heard++
	// Without anybody waiting it is the answer to a question given up.
	id := binary.BigEndian.Uint16(b)
	if w := s.waiting[id]; w != nil {
		delete(s.waiting, id)
		w <- b
	}
	return nil
}
