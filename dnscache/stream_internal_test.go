package dnscache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// connections serves TCP without TLS, the n-th connection by serve, and returns
// the client's side.
func connections(t *testing.T, serve func(n int, conn net.Conn)) *streams {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer conn.Close(); serve(n, conn) })
		}
	})
	fs := newFlights(1, &panics{log: zap.NewNop()})
	t.Cleanup(func() { fs.close(); l.Close(); wg.Wait() })
	e := endpoint{addr: netip.MustParseAddrPort(l.Addr().String())}
	return newStreams(e, &Options{AttemptTimeout: 10 * time.Second}, fs.background)
}

// receive reads one message off a connection.
func receive(conn net.Conn) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, b)
	return b, err
}

func respond(conn net.Conn, b []byte) {
	conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
}

// questionOf returns a message of 16 octets: space for the id, then text.
func questionOf(i int) []byte { return fmt.Appendf(nil, "??question %05d", i) }

func TestAnswersInAnyOrder(t *testing.T) {
	t.Parallel()
	var dialed uint64
	for range 3 { // a connection may end while the machine stands still
		if dialed = answersInAnyOrder(t); dialed == maxStreams {
			return
		}
	}
	t.Errorf("%d connections", dialed)
}

// answersInAnyOrder asks many questions at once, and returns for how many connections.
func answersInAnyOrder(t *testing.T) (dialed uint64) {
	t.Helper()
	const n = 40 * maxStreams
	ss := connections(t, func(_ int, conn net.Conn) {
		questions := make(chan []byte)
		go func() {
			defer close(questions)
			for {
				b, err := receive(conn)
				if err != nil {
					return
				}
				questions <- b
			}
		}()
		var held [][]byte
		for {
			select {
			case b, open := <-questions:
				if !open {
					return
				}
				held = append(held, b)
			case <-time.After(50 * time.Millisecond):
				for i := len(held) - 1; i >= 0; i-- {
					respond(conn, held[i])
				}
				held = nil
			}
		}
	})
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
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.open {
		if len(s.waiting) != 0 {
			t.Errorf("%d still wait", len(s.waiting))
		}
	}
	return ss.dialed
}

// A server may close a connection at any time, also while a question is sent.
func TestClosedConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(_ int, conn net.Conn) {
		for range 3 {
			b, err := receive(conn)
			if err != nil {
				return
			}
			respond(conn, b)
		}
		receive(conn) // and no response
	})
	for i := range 20 {
		if _, _, err := ss.exchange(t.Context(), questionOf(i)); err != nil {
			t.Fatal(i, err)
		}
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.dialed != 7 {
		t.Errorf("%d connections", ss.dialed)
	}
}

func TestDeadConnectionIsLeft(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(n int, conn net.Conn) {
		for {
			b, err := receive(conn)
			if err != nil {
				return
			}
			if n > 0 {
				respond(conn, b)
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := ss.exchange(ctx, questionOf(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, _, err := ss.exchange(t.Context(), questionOf(2)); err != nil {
		t.Error(err)
	}
}

// A connection that dies behind a question that nobody waits for any longer is left too.
func TestDeadConnectionBehindAnother(t *testing.T) {
	t.Parallel()
	ss := connections(t, func(n int, conn net.Conn) {
		for i := 0; ; i++ {
			b, err := receive(conn)
			if err != nil {
				return
			}
			if n > 0 || i == 0 {
				respond(conn, b)
			}
		}
	})
	if _, _, err := ss.exchange(t.Context(), questionOf(1)); err != nil {
		t.Fatal(err)
	}
	given, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	if _, _, err := ss.exchange(given, questionOf(2)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := ss.exchange(late, questionOf(3)); !errors.Is(err, errNoConnection) {
		t.Error(err)
	}
	long, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := ss.exchange(long, questionOf(4)); err != nil {
		t.Error(err)
	}
}

// A connection that is refused just after another has ended says little: the server may still
// count that one. What was allowed before is soon tried again.
func TestRefusedAsOneHasJustEnded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newStreamLimits()
	l.fewer(3, false, now)
	for n := 2; n > 0; n-- {
		if l.fewer(n, true, now); l.mayOpen(n, now) {
			t.Errorf("more than %d at once", n)
		}
	}
	for n := 1; n < 3; n++ {
		if now = now.Add(2 * growSoon); !l.mayOpen(n, now) {
			t.Errorf("no more than %d", n)
		}
	}
	if now = now.Add(2 * growSoon); l.mayOpen(3, now) {
		t.Error("more than it ever took")
	}
	if l.mayOpen(3, now.Add(growAtMost)); l.most != 4 {
		t.Errorf("%d connections later", l.most)
	}
}

func TestUselessConnections(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]string{
		"ends":         "",
		"half a word":  "\x00",
		"half a reply": "\x00\x20abc",
		"too short":    "\x00\x02ab",
	} {
		ss := connections(t, func(_ int, conn net.Conn) {
			receive(conn)
			io.WriteString(conn, say)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, _, err := ss.exchange(ctx, questionOf(1)); !errors.Is(err, errStreamEnded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		ss.mu.Lock()
		if len(ss.open) != 0 {
			t.Errorf("%s: kept", name)
		}
		ss.mu.Unlock()
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	ss := connections(t, func(_ int, conn net.Conn) {
		b, _ := receive(conn)
		respond(conn, b)
		_, err := receive(conn)
		ended <- err
	})
	ss.idleTimeout = 50 * time.Millisecond
	if _, _, err := ss.exchange(t.Context(), questionOf(1)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("stays open")
	}
}

// RFC 8467 section 4.1: the length of a query over TLS does not tell the name.
func TestPadding(t *testing.T) {
	t.Parallel()
	for n := range 60 {
		q := query{name: strings.Repeat("a", n+1) + ".test.", t: TXT, edns: true}
		m := q.message()
		pad(m)
		b, err := m.Pack()
		if err != nil || len(b) != padBlock {
			t.Fatalf("%d octets, %v", len(b), err)
		}
		if err := new(dns.Msg).Unpack(b); err != nil {
			t.Fatal(err)
		}
	}
	m := query{name: "a.test.", t: TXT}.message()
	pad(m)
	if m.IsEdns0() != nil {
		t.Error("padded without EDNS")
	}
}

// Queries over TLS are padded, whatever the name.
func TestQueriesOverTLSArePadded(t *testing.T) {
	t.Parallel()
	lengths := make(chan int, 2)
	ss := connections(t, func(_ int, conn net.Conn) {
		for {
			b, err := receive(conn)
			if err != nil {
				return
			}
			lengths <- len(b)
			b[2] |= 0x80 // a response without records
			respond(conn, b)
		}
	})
	u := newUpstream(endpoint{addr: netip.MustParseAddrPort("192.0.2.1:853"), name: "dns.test"}, &upstreams{now: func() int64 { return 1 }})
	u.streams = ss
	for _, name := range []string{"a.test.", "a-longer-one.example.test."} {
		if _, err := u.exchange(t.Context(), name, TXT); err != nil {
			t.Fatal(err)
		}
		if n := <-lengths; n != padBlock {
			t.Errorf("%s: %d octets", name, n)
		}
	}
	if u.mixesCase() {
		t.Error("mixes case over TLS, where nobody can forge responses")
	}
}
