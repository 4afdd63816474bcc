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
	"os"
	"slices"
	"sync"
	"time"
)

// stream is one connection that is open. The lock of its streams protects all fields but
// conn and write.
type stream struct {
	conn  net.Conn
	write sync.Mutex

	waiting map[uint16]*turn // by id
	sent    uint64           // queries
	answers uint64           // responses
	// newest is the number of the newest query that was answered. given are the numbers
	// of later ones for which nobody waits any longer.
	newest     uint64
	given      []uint64
	answeredAt time.Time
	err        error // why it ended
}

// takeLocked gives a question its place on the connection.
func (s *stream) takeLocked(t *turn, now time.Time) {
	id := uint16(rand.Uint32())
	for s.waiting[id] != nil { // there are fewer than ids
		id++
	}
	s.sent++
	t.stream, t.id, t.number, t.sentAt = s, id, s.sent, now
	s.waiting[id] = t
}

// send writes one message with an id. The time bounds how long that may take.
func (s *stream) send(id uint16, packed []byte, limit time.Duration) error {
	// Length and message in one segment: RFC 7766 section 8.
	b := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packed)), uint16(len(packed))), packed...)
	binary.BigEndian.PutUint16(b[2:], id)
	s.write.Lock()
	defer s.write.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(limit))
	_, err := s.conn.Write(b)
	return err
}

// oldest returns the query that has waited longest, nil if none waits.
func (s *stream) oldest() *turn {
	var first *turn
	for _, t := range s.waiting {
		if first == nil || t.number < first.number {
			first = t
		}
	}
	return first
}

// blockedLocked reports whether a query may be unanswered because the server still works on
// one that was sent before: there is one, and no later query was answered.
func (s *stream) blockedLocked(t *turn) bool {
	before := func(number uint64) bool { return s.newest < number && number < t.number }
	if slices.ContainsFunc(s.given, before) {
		return true
	}
	for _, o := range s.waiting {
		if before(o.number) {
			return true
		}
	}
	return false
}

// firstLocked reports whether no query waits that was sent before the one of a number.
func (s *stream) firstLocked(number uint64) bool {
	first := s.oldest()
	return first == nil || first.number > number
}

// abandonLocked records that nobody waits for a response any longer.
func (s *stream) abandonLocked(t *turn) {
	if t.number > s.newest {
		s.given = append(s.given, t.number)
	}
}

// answeredLocked passes a response to the question that waits for it. A response for which
// none waits is for one that was given up.
func (s *stream) answeredLocked(b []byte, now time.Time) *turn {
	s.answers++
	s.answeredAt = now
	id := binary.BigEndian.Uint16(b)
	t := s.waiting[id]
	if t == nil {
		return nil
	}
	delete(s.waiting, id)
	if t.number > s.newest {
		s.newest = t.number
		s.given = slices.DeleteFunc(s.given, func(n uint64) bool { return n <= s.newest })
	}
	t.response <- b
	return t
}

// run dials a connection, and reads from it until it ends.
func (ss *streams) run(ctx context.Context) {
	s, err := ss.connect(ctx)
	if err != nil {
		return
	}
	// After a panic err is nil.
	defer func() { ss.end(s, cmp.Or(err, errStreamEnded)) }()
	defer interruptWith(ctx, s.conn)()
	for err == nil {
		err = ss.read(s)
	}
}

// connect dials a connection, and gives it to the questions that wait.
func (ss *streams) connect(ctx context.Context) (s *stream, err error) {
	err = errStreamEnded // after a panic
	defer func() { ss.connected(s, err) }()
	limited, cancel := context.WithTimeout(ctx, ss.dialTimeout)
	defer cancel()
	conn, err := ss.dial(limited)
	switch {
	case err == nil:
		return &stream{conn: conn, waiting: map[uint16]*turn{}}, nil
	case ctx.Err() != nil:
		return nil, ErrClosed
	case timedOut(err):
		// In words of its own: a timeout would say that the name was not answered.
		return nil, fmt.Errorf("%w: the upstream accepts none within %v", errNoConnection, ss.dialTimeout)
	}
	return nil, explained(err)
}

// connected records how dialling ended.
func (ss *streams) connected(s *stream, err error) {
	ss.mu.Lock()
	ss.dials--
	before := ss.certificate
	if err == nil {
		ss.open = append(ss.open, s)
		ss.pause.succeeded()
		ss.certificate = nil
	} else {
		errors.As(err, &ss.certificate)
		ss.dialFailedLocked(err)
	}
	after := ss.certificate
	ss.arrangeLocked()
	ss.mu.Unlock()
	changed := (before == nil) != (after == nil) || before != nil && before.text != after.text
	if changed && ss.broken != nil {
		ss.broken(after)
	}
}

// dialFailedLocked records that no connection could be opened, or that one was closed
// before it answered anything. Questions wait no longer, unless others are open.
func (ss *streams) dialFailedLocked(err error) {
	now := time.Now()
	if len(ss.open) > 0 {
		ss.limits.fewer(len(ss.open), now.Sub(ss.endedAt) < justEnded, now)
		return
	}
	ss.pause.failed(err, now)
	if ss.dials == 0 {
		ss.refuseLocked(err)
	}
}

// read reads one response and passes it to the query that waits for it.
func (ss *streams) read(s *stream) error {
	var length [2]byte
	if err := ss.awaitLength(s, &length); err != nil {
		return ended(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(s.conn, b); err != nil {
		return ended(err)
	}
	if len(b) < 12 {
		return ended(errMalformed)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	now := time.Now()
	if t := s.answeredLocked(b, now); t != nil {
		ss.limits.answered()
		ss.took += (now.Sub(t.sentAt) - ss.took) / 8
	}
	ss.pause.answered()
	ss.arrangeLocked()
	return nil
}

// ended returns why a connection ended. A timeout within a message is not one of the name.
func ended(err error) error {
	if timedOut(err) {
		return fmt.Errorf("%w: %s", errStreamEnded, err.Error())
	}
	return fmt.Errorf("%w: %w", errStreamEnded, err)
}

// errIdle is why a connection without queries is closed.
var errIdle = errors.New("idle")

// awaitLength reads the length of the next message. It returns errIdle if none begins
// within the idle timeout, and no query waits.
func (ss *streams) awaitLength(s *stream, length *[2]byte) error {
	for {
		ss.mu.Lock()
		s.conn.SetReadDeadline(time.Now().Add(ss.idleTimeout))
		ss.mu.Unlock()
		n, err := s.conn.Read(length[:])
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			if ss.endIdle(s) {
				return errIdle
			}
			continue
		}
		if n == 1 {
			_, err = io.ReadFull(s.conn, length[1:])
		}
		if n > 0 && err == nil {
			s.conn.SetReadDeadline(time.Now().Add(ss.dialTimeout))
			return nil
		}
		return cmp.Or(err, io.ErrUnexpectedEOF)
	}
}

// endIdle ends a connection on which no query waits, or that has ended.
func (ss *streams) endIdle(s *stream) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.err == nil && len(s.waiting) > 0 {
		return false
	}
	ss.endLocked(s, errIdle)
	return true
}

// end takes a connection out of use. Its questions go to others.
func (ss *streams) end(s *stream, err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.err == nil {
		ss.endLocked(s, err)
		ss.arrangeLocked()
	}
}

func (ss *streams) endLocked(s *stream, err error) {
	if s.err != nil {
		return
	}
	s.err = err
	ss.open = slices.DeleteFunc(ss.open, func(o *stream) bool { return o == s })
	s.conn.Close()
	unanswered := len(s.waiting)
	for _, t := range s.waiting {
		close(t.response)
	}
	clear(s.waiting)
	now := time.Now()
	if s.answers > 0 {
		defer func() { ss.endedAt = now }()
	}
	switch {
	case unanswered == 0 && (s.answers > 0 || errors.Is(err, errIdle)):
	case s.answers > 0 && errors.Is(err, errNoAnswer): // one query is to blame
	case s.answers > 0:
		ss.limits.carried(s.answers)
		ss.limits.tooMany()
	default:
		if unanswered > 1 {
			ss.limits.tooMany()
		}
		// Others are open, so it may be one too many.
		if n := len(ss.open); n > 0 {
			ss.limits.fewer(n, now.Sub(ss.endedAt) < justEnded, now)
		} else {
			ss.pause.failed(err, now)
		}
	}
}
