package dnscache

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// exchangeAll asks n questions at the same time, and expects the answer of each.
func exchangeAll(t *testing.T, ss *streams, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			b, id, err := ss.exchange(ctx, questionOf(i))
			if err != nil || string(b[2:]) != string(questionOf(i)[2:]) || binary.BigEndian.Uint16(b) != id {
				t.Errorf("%d: %q, %v", i, b, err)
			}
		})
	}
	wg.Wait()
}

// answers responds to at most n queries on a connection, one after the other.
func answers(conn net.Conn, n int) {
	for range n {
		b, err := receive(conn)
		if err != nil {
			return
		}
		respond(conn, b)
	}
}

// Whatever a server limits, all questions are answered, and after a while it is asked
// within its limits.
func TestServersWithLimits(t *testing.T) {
	t.Parallel()
	const questions = 200
	places := func(n int) chan bool { return make(chan bool, n) }
	three, four, both := places(3), places(4), places(3)
	var refused atomic.Int32
	for _, c := range []struct {
		name  string
		serve func(n int, conn net.Conn)
		check func(ss *streams) bool
	}{
		{"one answer on each connection", func(_ int, conn net.Conn) { answers(conn, 1) }, func(ss *streams) bool {
			return ss.limits.each == 1 && ss.resent < questions/2
		}},
		{"one answer, and a reset", func(_ int, conn net.Conn) {
			answers(conn, 1)
			receive(conn)
			conn.(*net.TCPConn).SetLinger(0)
		}, func(ss *streams) bool { // a busy server resets late, so that two are tried on one
			return ss.limits.each == 1 || ss.limits.each == 2
		}},
		{"five answers on each connection", func(_ int, conn net.Conn) { answers(conn, 5) }, func(ss *streams) bool {
			return ss.limits.each > 0 && ss.limits.each < 20
		}},
		{"three connections", func(_ int, conn net.Conn) {
			select {
			case three <- true:
				defer func() { <-three }()
				answers(conn, questions)
			default: // closed unanswered
				refused.Add(1)
			}
		}, func(ss *streams) bool { // on a busy machine no more than three may be needed
			return (ss.limits.most <= 3 || ss.dialed <= 3) && refused.Load() < questions/4
		}},
		{"three connections, one answer on each", func(_ int, conn net.Conn) {
			select {
			case both <- true:
				defer func() { <-both }()
				answers(conn, 1)
			default:
			}
		}, func(ss *streams) bool { return ss.limits.each == 1 && ss.limits.most <= 7 }},
		{"four connections, others are accepted and wait", func(_ int, conn net.Conn) {
			four <- true
			defer func() { <-four }()
			answers(conn, 40)
		}, func(*streams) bool { return true }},
		{"one query after the other", func(_ int, conn net.Conn) {
			for {
				b, err := receive(conn)
				if err != nil {
					return
				}
				time.Sleep(time.Millisecond)
				respond(conn, b)
			}
		}, func(ss *streams) bool { return ss.resent == 0 && ss.dialed == maxStreams }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ss := connections(t, c.serve)
			exchangeAll(t, ss, questions)
			ss.mu.Lock()
			defer ss.mu.Unlock()
			if !c.check(ss) {
				t.Errorf("%+v; %d connections, %d questions asked again", ss.limits, ss.dialed, ss.resent)
			}
		})
	}
}

// A connection that the system accepts and the server does not is left for one that answers.
func TestConnectionInTheBacklogIsLeft(t *testing.T) {
	t.Parallel()
	second := make(chan bool)
	ss := connections(t, func(n int, conn net.Conn) {
		if n == 0 {
			// Both questions must be under way before the first answer, so that there is
			// a second connection.
			b, _ := receive(conn)
			<-second
			respond(conn, b)
			for {
				b, err := receive(conn)
				if err != nil {
					return
				}
				respond(conn, b)
			}
		}
		if n == 1 {
			second <- true
		}
		receive(conn)
		receive(conn) // until it is closed
	})
	ss.stuckAfter = 50 * time.Millisecond
	exchangeAll(t, ss, 3)
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, _, err := ss.exchange(ctx, questionOf(i)); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// What a server refused once is tried again later.
func TestLimitsGrowAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newStreamLimits()
	l.fewer(2, false, now)
	if l.mayOpen(2, now) || !l.mayOpen(1, now) {
		t.Error("more than the server takes")
	}
	for range maxStreams {
		now = now.Add(time.Hour)
		l.mayOpen(l.most, now)
	}
	if l.most != maxStreams {
		t.Errorf("%d connections", l.most)
	}
	for range 20 {
		l.fewer(0, false, now)
	}
	if l.most != 1 || l.growAt.Sub(now) > growAtMost*5/4 {
		t.Errorf("%d connections, one more after %v", l.most, l.growAt.Sub(now))
	}
	for range 20 {
		l.tooMany()
	}
	if l.pipelined() != 1 {
		t.Errorf("%d at a time", l.pipelined())
	}
	for range 2 * maxPipelined {
		l.answered()
	}
	if n := l.pipelined(); n < 2 || n > maxPipelined/4 {
		t.Errorf("%d at a time", n)
	}
	for range maxPipelined * maxPipelined {
		l.answered()
	}
	if l.pipelined() != maxPipelined {
		t.Errorf("%d at a time", l.pipelined())
	}
	l.carried(1)
	for range 11 {
		l.carriesMore()
	}
	if l.each != 0 {
		t.Errorf("%d on each", l.each)
	}
}

// A server that closed a connection early by accident is soon asked without a limit.
func TestOneEarlyEnd(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(n int, conn net.Conn) {
		if n == 0 {
			answers(conn, 1)
			return
		}
		for {
			b, err := receive(conn)
			if err != nil {
				return
			}
			respond(conn, b)
		}
	})
	exchangeAll(t, ss, 30)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		exchangeAll(t, ss, 10)
		ss.mu.Lock()
		each := ss.limits.each
		ss.mu.Unlock()
		if each == 0 {
			return
		}
	}
	t.Error("the limit stays")
}

// While nobody accepts connections, few are dialled, and none at the same time.
func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(_ int, conn net.Conn) { answers(conn, 1000) })
	dial := ss.dial
	var dials, running atomic.Int32
	var accepted atomic.Bool
	ss.dial = func(ctx context.Context) (net.Conn, error) {
		if running.Add(1) > 1 && !accepted.Load() {
			t.Error("two at a time")
		}
		defer running.Add(-1)
		dials.Add(1)
		if !accepted.Load() {
			return nil, syscall.ECONNREFUSED
		}
		return dial(ctx)
	}
	end := time.Now().Add(300 * time.Millisecond)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for time.Now().Before(end) {
				if _, _, err := ss.exchange(t.Context(), questionOf(1)); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := dials.Load(); n < 2 || n > 30 {
		t.Errorf("%d dials", n)
	}
	accepted.Store(true)
	exchangeAll(t, ss, 5)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if p := ss.pause; p.err != nil || p.failures != 0 || !p.until.IsZero() {
		t.Errorf("%+v", p)
	}
}

// A question that a server has not come to says nothing about its name.
func TestBlockedQuestion(t *testing.T) {
	t.Parallel()
	both := make(chan bool, 1)
	ss := connections(t, func(_ int, conn net.Conn) {
		receive(conn)
		receive(conn)
		select {
		case both <- true:
		default: // the first question again
		}
		receive(conn)
	})
	ss.limits.most = 1
	errs := make(chan error, 2)
	for i, wait := range []time.Duration{time.Minute, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		go func() {
			_, _, err := ss.exchange(ctx, questionOf(i))
			errs <- err
			cancel()
		}()
		for i == 0 { // the second one comes behind it
			ss.mu.Lock()
			n := 0
			for _, s := range ss.open {
				n += len(s.waiting)
			}
			ss.mu.Unlock()
			if n == 1 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	select {
	case <-both:
	case <-time.After(time.Minute):
		t.Fatal("not both are sent")
	}
	if err := <-errs; !errors.Is(err, errNoConnection) || timedOut(err) {
		t.Errorf("behind another: %v", err)
	}
}

// RFC 7828 section 3.3.2: the server says how long a connection may be idle.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	ended := make(chan time.Time, 1)
	ss := connections(t, func(_ int, conn net.Conn) {
		for range 2 {
			b, err := receive(conn)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(b) != nil || q.IsEdns0() == nil {
				t.Error("no EDNS")
				return
			}
			found := false
			for _, o := range q.IsEdns0().Option {
				if k, ok := o.(*dns.EDNS0_TCP_KEEPALIVE); ok {
					found = true
					k.Timeout = 1
				}
			}
			if !found {
				t.Error("the query does not ask for the timeout")
			}
			q.Response = true
			out, _ := q.Pack()
			respond(conn, out)
		}
		receive(conn)
		ended <- time.Now()
	})
	ss.idleTimeout = time.Hour
	for range 2 {
		if _, _, err := ss.query(t.Context(), query{name: "a.test.", t: TXT, edns: true}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("stays open")
	}
}

// TC over TCP is no answer, and nothing repeats.
func TestTruncatedOverTCP(t *testing.T) {
	t.Parallel()
	var queries atomic.Int32
	ss := connections(t, func(_ int, conn net.Conn) {
		for {
			b, err := receive(conn)
			if err != nil {
				return
			}
			queries.Add(1)
			b[2] |= 0x82 // QR, TC
			respond(conn, b)
		}
	})
	_, _, err := ss.query(t.Context(), query{name: "a.test.", t: TXT})
	if !errors.Is(err, errMalformed) || queries.Load() != 1 {
		t.Errorf("%v after %d queries", err, queries.Load())
	}
}
