package dnscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// These constants are for the connections to one upstream.
const (
	streamIdle = 10 * time.Second // without a query, then it is closed (RFC 7766 section 6.2.3)
	leastIdle  = 10 * time.Millisecond
	leastTend  = 10 * time.Millisecond  // from one call of tend to the next
	maxResent  = 5                      // times that one query is sent on a further connection
	slowDial   = 300 * time.Millisecond // then another connection may be dialled beside
	stuckAfter = 250 * time.Millisecond // least time in which a new connection should answer if others do
)

var (
	errStreamEnded  = errors.New("connection ended")
	errNoAnswer     = errors.New("connection without answers")
	errNoConnection = errors.New("no connection was free in time")
)

// streams are the connections to one upstream, over TCP or TLS. They stay open
// between queries, carry several at a time, and take the responses in any order
// (RFC 7766 section 6.2.1.1, RFC 7858 section 3.4).
//
// A question goes to a connection that is ready, and otherwise waits in a queue. More
// connections are dialled in the background while all are busy. How many there may be, and
// how many queries each may carry, follows from what the upstream does, see [streamLimits].
type streams struct {
	dial        func(ctx context.Context) (net.Conn, error)
	dialTimeout time.Duration
	stuckAfter  time.Duration
	background  func(func(context.Context)) bool
	// broken, if not nil, is called when the upstream's certificate becomes unusable, with
	// what is wrong with it, and with nil when it is usable again.
	broken func(*certificateError)

	mu          sync.Mutex
	idleTimeout time.Duration
	open        []*stream
	dials       int // under way
	dialedAt    time.Time
	endedAt     time.Time // the last connection that had answered
	queue       []*turn   // questions without a connection, the next one first
	limits      streamLimits
	pause       dialPause
	took        time.Duration // moving average of the time to answer
	timer       *time.Timer   // calls tend; nil before the first use
	dialed      uint64
	resent      uint64
	certificate *certificateError // what is wrong with the upstream's; nil if nothing is known to be
}

func newStreams(e endpoint, o *Options, background func(func(context.Context)) bool) *streams {
	return &streams{
		dial: e.dialer(o.RootCAs), dialTimeout: o.AttemptTimeout, stuckAfter: stuckAfter, background: background,
		idleTimeout: streamIdle, limits: newStreamLimits(),
	}
}

// turn is one question, from the time that it waits for a connection until its response.
type turn struct {
	placed   chan struct{} // closed when stream or err is set
	err      error
	stream   *stream
	id       uint16
	number   uint64 // of the query on its connection
	sentAt   time.Time
	response chan []byte // closed without a value when the connection ends
}

// query sends q and returns the response, and whether the response repeats the
// question in the same case.
func (ss *streams) query(ctx context.Context, q query) (resp *dns.Msg, sameCase bool, err error) {
	q.keepalive = true
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
	if resp.Truncated {
		return nil, false, fmt.Errorf("%w: truncated over TCP", errMalformed)
	}
	ss.keepAlive(resp)
	return resp, keepsCase(m, resp), nil
}

// exchange sends a packed message, whose id it overwrites, and returns the packed
// response. An upstream may close a connection at any time. The message is then sent on
// another one, which does not count as a failure (RFC 7766 section 6.2.4).
func (ss *streams) exchange(ctx context.Context, packed []byte) (resp []byte, id uint16, err error) {
	for sent := 0; ; sent++ {
		t, err := ss.place(ctx, sent > 0)
		if err != nil {
			return nil, 0, err
		}
		resp, err := ss.carry(ctx, t, packed)
		if err == nil || !errors.Is(err, errStreamEnded) || sent == maxResent || ctx.Err() != nil {
			return resp, t.id, err
		}
	}
}

// place waits until a question has a connection. One that had one before is next.
func (ss *streams) place(ctx context.Context, again bool) (*turn, error) {
	t := &turn{placed: make(chan struct{}), response: make(chan []byte, 1)}
	ss.mu.Lock()
	if err := ss.pause.lasting(time.Now()); err != nil && len(ss.open) == 0 {
		ss.mu.Unlock()
		return nil, err
	}
	if again {
		ss.resent++
		ss.queue = slices.Insert(ss.queue, 0, t)
	} else {
		ss.queue = append(ss.queue, t)
	}
	ss.arrangeLocked()
	ss.mu.Unlock()
	select {
	case <-t.placed:
		return t, t.err
	case <-ctx.Done():
		return nil, ss.withdraw(ctx, t)
	}
}

// withdraw takes back a question that got no connection in time, and returns why.
func (ss *streams) withdraw(ctx context.Context, t *turn) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.queue = slices.DeleteFunc(ss.queue, func(o *turn) bool { return o == t })
	if t.stream != nil { // just now
		delete(t.stream.waiting, t.id)
		ss.arrangeLocked()
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ss.pause.err != nil && len(ss.open) == 0:
		return fmt.Errorf("%w: %w", errNoConnection, ss.pause.err)
	}
	return errNoConnection
}

// carry sends a message on the connection of its turn, and waits for the response.
func (ss *streams) carry(ctx context.Context, t *turn, packed []byte) ([]byte, error) {
	if err := t.stream.send(t.id, packed, ss.dialTimeout); err != nil {
		ss.end(t.stream, ended(err))
	}
	select {
	case resp, ok := <-t.response:
		if ok {
			return resp, nil
		}
		ss.mu.Lock()
		defer ss.mu.Unlock()
		return nil, t.stream.err
	case <-ctx.Done():
		return nil, ss.giveUp(ctx, t)
	}
}

// giveUp records that nobody waits for a response any longer. If the time is over, the
// error says whether that is about the name: a server that answers one query after the
// other may not have come to it.
func (ss *streams) giveUp(ctx context.Context, t *turn) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := t.stream
	delete(s.waiting, t.id)
	defer ss.arrangeLocked()
	if s.err != nil || errors.Is(ctx.Err(), context.Canceled) {
		s.abandonLocked(t)
		return ctx.Err()
	}
	blocked := s.blockedLocked(t)
	s.abandonLocked(t)
	switch {
	case blocked:
		ss.limits.tooMany()
		if s.answeredAt.Before(t.sentAt) && s.firstLocked(t.number) {
			// Nobody waits for what is before it any longer, so the connection may be dead.
			ss.endLocked(s, ended(errNoAnswer))
		}
		return fmt.Errorf("%w: the upstream answers other queries first", errNoConnection)
	case s.answeredAt.Before(t.sentAt), len(s.waiting) > 0 && s.newest < t.number:
		// Nothing came since, so the connection may be dead without an error. Or this
		// query blocks those that were sent later, which then go to another connection.
		ss.endLocked(s, ended(errNoAnswer))
	}
	return ctx.Err()
}

// arrangeLocked gives the questions in the queue to connections with room, has more
// connections dialled, and closes or wakes up what is due.
func (ss *streams) arrangeLocked() {
	now := time.Now()
	for len(ss.queue) > 0 {
		s := ss.roomLocked()
		if s == nil {
			break
		}
		t := ss.queue[0]
		ss.queue = ss.queue[1:]
		s.takeLocked(t, now)
		close(t.placed)
	}
	for ss.wantsDialLocked(now) {
		ss.dialed++
		ss.dials++
		ss.dialedAt = now
		if !ss.background(ss.run) {
			ss.dials--
			ss.refuseLocked(ErrClosed)
			return
		}
	}
	ss.scheduleLocked(now)
}

// roomLocked returns the connection with the fewest queries among those that may carry one
// more; nil if there is none. A new connection carries a single one as long as others have
// answered and it has not, since the upstream may have no place for it.
func (ss *streams) roomLocked() *stream {
	proven := slices.ContainsFunc(ss.open, func(s *stream) bool { return s.answers > 0 })
	var best *stream
	for _, s := range ss.open {
		most := ss.limits.pipelined()
		if proven && s.answers == 0 {
			most = 1
		}
		if len(s.waiting) < most && !ss.limits.spent(s) && (best == nil || len(s.waiting) < len(best.waiting)) {
			best = s
		}
	}
	return best
}

// wantsDialLocked reports whether a connection should be dialled now: there are more
// questions than connections for them, and there may be more connections. The first one
// comes alone; later, no more are dialled at a time than are open.
func (ss *streams) wantsDialLocked(now time.Time) bool {
	questions, connections := len(ss.queue), ss.dials
	for _, s := range ss.open {
		if !ss.limits.spent(s) {
			questions += len(s.waiting)
			connections++
		}
	}
	most := max(1, len(ss.open))
	if now.Sub(ss.dialedAt) > slowDial {
		most++
	}
	return questions > connections && ss.dials < most && !now.Before(ss.pause.until) &&
		ss.limits.mayOpen(len(ss.open)+ss.dials, now)
}

// refuseLocked ends the questions in the queue.
func (ss *streams) refuseLocked(err error) {
	for _, t := range ss.queue {
		t.err = err
		close(t.placed)
	}
	ss.queue = nil
}

// scheduleLocked has tend called when something is due that no event brings.
func (ss *streams) scheduleLocked(now time.Time) {
	due := time.Time{}
	at := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	if len(ss.queue) > 0 {
		at(now.Add(slowDial))
		if ss.pause.until.After(now) {
			at(ss.pause.until)
		}
	}
	for _, s := range ss.open {
		if t := s.oldest(); t != nil && s.answers == 0 {
			at(t.sentAt.Add(ss.patienceLocked()))
		}
		if ss.limits.spent(s) {
			at(s.answeredAt.Add(spentWait))
		}
	}
	if due.IsZero() {
		return
	}
	wait := max(due.Sub(now), leastTend)
	if ss.timer == nil {
		ss.timer = time.AfterFunc(wait, func() { ss.background(ss.tend) })
		return
	}
	ss.timer.Reset(wait)
}

// patienceLocked returns how long a new connection may be silent while others answer.
func (ss *streams) patienceLocked() time.Duration { return max(ss.stuckAfter, 4*ss.took) }

// tend looks after connections from which an event was expected that has not come.
func (ss *streams) tend(context.Context) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	now := time.Now()
	for _, s := range slices.Clone(ss.open) {
		t := s.oldest()
		switch {
		case ss.limits.spent(s) && len(s.waiting) == 0 && now.Sub(s.answeredAt) >= spentWait:
			ss.limits.carriesMore()
		case t == nil || s.answers > 0 || now.Sub(t.sentAt) < ss.patienceLocked():
		case slices.ContainsFunc(ss.open, func(o *stream) bool { return o.answeredAt.After(t.sentAt) }):
			// It is accepted by the system, but not by the upstream.
			ss.endLocked(s, ended(errNoAnswer))
		}
	}
	ss.arrangeLocked()
}

// keepAlive sets the idle timeout to what the upstream wishes (RFC 7828 section 3.3.2).
func (ss *streams) keepAlive(resp *dns.Msg) {
	opt := resp.IsEdns0()
	if opt == nil {
		return
	}
	for _, o := range opt.Option {
		if k, ok := o.(*dns.EDNS0_TCP_KEEPALIVE); ok {
			ss.mu.Lock()
			ss.idleTimeout = min(streamIdle, max(time.Duration(k.Timeout)*100*time.Millisecond, leastIdle))
			ss.mu.Unlock()
		}
	}
}
