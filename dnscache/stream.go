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
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Bounds of the connections to one upstream.
const (
	maxStreams   = 8                // connections
	maxPipelined = 256              // queries on each at the same time
	streamIdle   = 10 * time.Second // then it is closed (RFC 7766 section 6.2.3)
)

var (
	errStreamEnded = errors.New("connection ended")
	errStreamFull  = errors.New("too many questions on all connections")
)

// streams are the connections to one upstream, over TCP or TLS. They stay open
// between queries, carry several at a time, and take the responses in any order
// (RFC 7766 section 6.2.1.1, RFC 7858 section 3.4).
type streams struct {
	dial        func(ctx context.Context) (net.Conn, error)
	dialTimeout time.Duration
	idleTimeout time.Duration
	background  func(func(context.Context)) bool

	mu     sync.Mutex
	open   []*stream // being dialled, or usable
	dialed uint64
}

// stream is one connection. The lock of its streams protects its fields, apart
// from conn, which is set before ready is closed.
type stream struct {
	ready chan struct{} // closed when dialling has succeeded or failed
	conn  net.Conn
	write sync.Mutex

	waiting   map[uint16]chan<- []byte // by id; closed without a value when the stream ends
	responses uint64
	err       error // why it ended
}

// query sends q and returns the response, and whether the response repeats the
// question in the same case.
func (ss *streams) query(ctx context.Context, q query) (resp *dns.Msg, sameCase bool, err error) {
	m := q.message()
	packed, err := m.Pack()
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrName, err)
	}
	b, id, err := ss.exchange(ctx, packed)
	if err != nil {
		return nil, false, err
	}
	m.Id = id
	if resp, err = readResponse(m, b); err != nil {
		return nil, false, err
	}
	return resp, keepsCase(m, resp), nil
}

// exchange sends a packed message, whose id it overwrites, and returns the packed
// response. An upstream may close a connection at any time, so if one that had
// worked ends before the response, the message is sent again on another.
func (ss *streams) exchange(ctx context.Context, packed []byte) (resp []byte, id uint16, err error) {
	for try := 0; ; try++ {
		var worked bool
		resp, id, worked, err = ss.try(ctx, packed)
		if err == nil || !worked || try == 2 || ctx.Err() != nil {
			return resp, id, err
		}
	}
}

// try is one attempt of exchange. worked reports whether the connection had delivered a
// response before, so that its end does not mean a failure of this message.
func (ss *streams) try(ctx context.Context, packed []byte) (resp []byte, id uint16, worked bool, err error) {
	response := make(chan []byte, 1)
	s, id, err := ss.join(response)
	if err != nil {
		return nil, 0, false, err
	}
	before := ss.responses(s)
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
	case resp, ok := <-response:
		if ok {
			return resp, id, true, nil
		}
		ss.mu.Lock()
		defer ss.mu.Unlock()
		return nil, id, s.responses > 0, s.err
	case <-ctx.Done():
		// Without any response since, the connection may be dead without an error.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && ss.responses(s) == before {
			ss.end(s, errStreamEnded)
		}
		return nil, id, false, ctx.Err()
	}
}

// join registers a query on the connection with the fewest queries, or on a new
// one if all have some and there may be more.
func (ss *streams) join(response chan<- []byte) (*stream, uint16, error) {
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
	if len(s.waiting) >= maxPipelined { // below this bound there are free ids
		return nil, 0, errStreamFull
	}
	id := uint16(rand.Uint32())
	for s.waiting[id] != nil {
		id++
	}
	s.waiting[id] = response
	return s, id, nil
}

func (ss *streams) leave(s *stream, id uint16) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(s.waiting, id)
}

func (ss *streams) responses(s *stream) uint64 {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return s.responses
}

// send writes one message. The deadline of ctx bounds it.
func (s *stream) send(ctx context.Context, b []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	if d, ok := ctx.Deadline(); ok {
		s.conn.SetWriteDeadline(d)
	}
	_, err := s.conn.Write(b)
	return err
}

// end takes a connection out of use and ends the queries that wait on it.
func (ss *streams) end(s *stream, err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	ss.open = slices.DeleteFunc(ss.open, func(o *stream) bool { return o == s })
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
	// After a panic err is nil.
	defer func() { ss.end(s, cmp.Or(err, errStreamEnded)) }()
	if err = ss.connect(ctx, s); err != nil {
		return
	}
	defer s.conn.Close()
	defer interruptWith(ctx, s.conn)()
	for err == nil {
		err = ss.read(s)
	}
}

// connect dials a connection, and closes its ready when that has ended.
func (ss *streams) connect(ctx context.Context, s *stream) error {
	defer close(s.ready)
	ctx, cancel := context.WithTimeout(ctx, ss.dialTimeout)
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

// read reads one response and passes it to the query that waits for it.
func (ss *streams) read(s *stream) error {
	s.conn.SetReadDeadline(time.Now().Add(ss.idleTimeout))
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
	s.responses++
	// A response without a waiting query is for one that was given up.
	id := binary.BigEndian.Uint16(b)
	if w := s.waiting[id]; w != nil {
		delete(s.waiting, id)
		w <- b
	}
	return nil
}
