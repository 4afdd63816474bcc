package filter

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/result"
)

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	accept := func(e error) error { return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", e)} }
	t.Run("passing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &failing{pipes: newPipes()}
			for range 12 {
				l.errs = append(l.errs, accept(syscall.EMFILE))
			}
			l.errs = append(l.errs, accept(syscall.ECONNABORTED))
			begun := time.Now()
			r := startOn(t, &fake{}, Options{}, l, l.dial)
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			if s := r.Stats(); s.AcceptErrors != 13 {
				t.Errorf("%+v", s)
			}
			// 5 ms doubled up to 1 s: no busy loop, no long wait.
			if took := time.Since(begun); took < 5*time.Second || took > 7*time.Second {
				t.Errorf("accepted after %v", took)
			}
			m.Close()
			r.stop()
		})
	})
	t.Run("final", func(t *testing.T) {
		s := newServer(Options{})
		l := &failing{pipes: newPipes(), errs: []error{accept(syscall.EBADF)}}
		if err := s.Serve(l); !errors.Is(err, syscall.EBADF) {
			t.Error(err)
		}
	})
	t.Run("closed while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &failing{pipes: newPipes()}
			for range 100 {
				l.errs = append(l.errs, accept(syscall.ENFILE))
			}
			r := startOn(t, &fake{}, Options{}, l, l.dial)
			time.Sleep(4 * time.Second)
			r.stop()
		})
	})
}

// A panic anywhere costs its message a temporary failure, is logged once with
// the queue id, and does not touch the next message.
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"connect", "helo", "mail", "rcpt", "field", "eoh", "body", "finish", "decide", "close", "bye"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			armed.Store(true)
			f := &fake{on: func(s string) {
				if strings.HasPrefix(s, step) && armed.Swap(false) {
					panic("injected")
				}
			}}
			r := start(t, f, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.queue = "4QUEUE"
			m.hello()
			o := m.deliver(usual)
			d := r.decision()
			switch step {
			case "connect", "helo", "close", "bye":
				// Nothing is lost: MAIL begins anew, or the verdict stands.
				if o.code != 'c' {
					t.Errorf("verdict %q %q", o.code, o.text)
				}
			default:
				if o.code != 'y' || !strings.HasPrefix(o.text, "451 4.3.0 ") || d.Verdict.Action != result.TempFail || len(d.Faults) != 1 {
					t.Errorf("verdict %q %q, %+v", o.code, o.text, d)
				}
			}
			m.send('A')
			if o := m.deliver(usual); o.code != 'c' {
				t.Errorf("next message: %q %q", o.code, o.text)
			}
			if d := r.decision(); d.Client.Name != "client.example.org" || d.Helo != "helo.example.org" {
				t.Errorf("next message: %+v", d)
			}
			m.Close()
			r.stop()
			// What panicked inside is not asked again.
			connects := 0
			for _, s := range f.heard() {
				if strings.HasPrefix(s, "connect") {
					connects++
				}
			}
			if want := map[bool]int{true: 1, false: 2}[step == "bye"]; connects != want {
				t.Errorf("%d conversations, want %d", connects, want)
			}
			logged := r.logs.FilterMessage("panic").All()
			if r.Stats().Panics != 1 || len(logged) != 1 {
				t.Fatalf("%+v, %d log lines", r.Stats(), len(logged))
			}
			if step != "connect" && step != "helo" && step != "bye" && logged[0].ContextMap()["queue"] != "4QUEUE" {
				t.Errorf("%v", logged[0].ContextMap())
			}
		})
	}
}

func TestPanicForEver(t *testing.T) {
	t.Parallel()
	f := &fake{on: func(s string) { panic("injected") }}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	for range 3 {
		if o := m.deliver(usual); o.code != 'y' || !strings.HasPrefix(o.text, "451 4.3.0 ") {
			t.Errorf("verdict %q %q", o.code, o.text)
		}
	}
	m.send('Q')
	m.closed()
}

func TestPanicInHook(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	r := start(t, &fake{}, Options{OnMessage: func(Decision) { n.Add(1); panic("hook") }})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	m.deliver(usual)
	m.deliver(usual)
	m.Close()
	r.stop()
	if n.Load() != 2 || r.Stats().Panics != 2 || r.Stats().Messages[result.Accept] != 2 {
		t.Errorf("%d, %+v", n.Load(), r.Stats())
	}
}

// counting counts the writes that reach the socket.
type counting struct {
	net.Listener
	writes atomic.Int64
}

type countingConn struct {
	net.Conn
	l *counting
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countingConn{c, l}, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.l.writes.Add(1)
	return c.Conn.Write(p)
}

// All edits of a message go out with its verdict in one write, and a message
// costs two: MAIL and the verdict.
func TestWritesAreCollected(t *testing.T) {
	t.Parallel()
	p := newPipes()
	l := &counting{Listener: p}
	f := &fake{verdict: result.Verdict{Action: result.Quarantine, Text: "x", Remove: refs("A#1", "A#2", "A#3")}}
	r := startOn(t, f, Options{}, l, p.dial)
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	before := l.writes.Load()
	m.deliver(usual)
	r.decision()
	if n := l.writes.Load() - before; n != 2 {
		t.Errorf("%d writes for MAIL and the verdict", n)
	}
}

// The wire makes up for a backend that answers wrongly.
func TestStrayAndOwedReplies(t *testing.T) {
	t.Parallel()
	pair := func(a agreement) (*wire, func() string) {
		x, y := net.Pipe()
		t.Cleanup(func() { x.Close(); y.Close() })
		w := newWire(newServer(Options{}), x, func() {})
		w.session = newSession(context.Background(), w.srv, w)
		w.agreed = a
		codes := make(chan string, 1)
		go func() {
			m := &mta{Conn: y, t: t, r: newReader(y)}
			var got []byte
			for {
				c, _, err := m.try()
				if err != nil {
					codes <- string(got)
					return
				}
				got = append(got, c)
			}
		}()
		return w, func() string {
			w.flush()
			x.Close()
			return <-codes
		}
	}
	all, _ := negotiate(offerAll.bytes(), false)
	t.Run("stray continue", func(t *testing.T) {
		w, sent := pair(all)
		w.expect('L')
		w.reply('c')
		w.expect('A')
		w.reply('c')
		if got := sent(); got != "" || w.srv.Stats().StrayReplies != 2 {
			t.Errorf("%q %+v", got, w.srv.Stats())
		}
	})
	t.Run("a verdict where none is due waits for the end", func(t *testing.T) {
		w, sent := pair(all)
		w.expect('L')
		w.reply('r')
		w.expect('B')
		w.reply('t')
		w.expect('E')
		w.reply('c')
		if got := sent(); got != "r" {
			t.Errorf("%q", got)
		}
	})
	t.Run("but not for the next message", func(t *testing.T) {
		w, sent := pair(all)
		w.expect('L')
		w.reply('r')
		w.expect('M')
		w.reply('c')
		w.expect('E')
		w.reply('c')
		if got := sent(); got != "cc" {
			t.Errorf("%q", got)
		}
	})
	t.Run("a refusal stands", func(t *testing.T) {
		w, sent := pair(all)
		w.expect('L')
		w.reply('r')
		w.expect('E')
		w.reply('t')
		if got := sent(); got != "t" {
			t.Errorf("%q", got)
		}
	})
	t.Run("owed", func(t *testing.T) {
		w, sent := pair(agreement{version: 2})
		for _, c := range []byte{'L', 'N', 'B', 'H', 'E', 'A', 'Q'} {
			w.expect(c)
			w.settle()
		}
		if got := sent(); got != "cccct" || w.srv.Stats().OwedReplies != 5 {
			t.Errorf("%q %+v", got, w.srv.Stats())
		}
	})
	t.Run("edits only at the end", func(t *testing.T) {
		w, sent := pair(all)
		w.expect('M')
		w.Write(packet('i', make([]byte, 8)))
		w.reply('c')
		w.expect('E')
		p := packet('i', append(make([]byte, 4), z("A", strings.Repeat("x", 10000))...))
		w.Write(p[:3])
		w.Write(p[3:100])
		w.Write(append(p[100:], 0, 0, 0, 1))
		w.Write([]byte{'c'})
		if got := sent(); got != "cic" {
			t.Errorf("%q", got)
		}
	})
}

// TestSockets runs messages in parallel over real sockets; go-milter has
// nothing to say to the standard log meanwhile.
func TestSockets(t *testing.T) {
	var std bytes.Buffer
	var mu sync.Mutex
	log.SetOutput(writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return std.Write(p) }))
	defer log.SetOutput(os.Stderr)
	path := shortDir(t) + "/s"
	for _, addr := range []string{"unix:" + path, "inet:127.0.0.1:0", "inet6:0@::1"} {
		l, err := socket.Listen(addr, socket.Options{})
		if err != nil {
			if strings.HasPrefix(addr, "inet6") {
				continue // no IPv6 here
			}
			t.Fatal(err)
		}
		f := &fake{quiet: true, verdict: result.Verdict{Action: result.Reject, Code: "550 5.7.1", Text: "x"}}
		r := startOn(t, f, Options{OnMessage: func(Decision) {}}, l, func() (net.Conn, error) { return net.Dial(l.Addr().Network(), l.Addr().String()) })
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				m, err := r.dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer m.Close()
				c := &mta{Conn: m, t: t, r: newReader(m)}
				c.negotiate([]offer{offerAll, offer2}[i%2])
				c.hello()
				for range 20 {
					if o := c.deliver(usual); o.code != 'y' {
						t.Errorf("%q", o.code)
						return
					}
				}
				if i%3 == 0 {
					c.envelope(usual) // leaves inside a message
				} else {
					c.send('Q')
				}
			})
		}
		wg.Wait()
		eventually(t, "all closed", func() bool { return r.Stats().Open == 0 })
		if s := r.Stats(); s.Messages[result.Reject] != 160 || s.Aborted != 3 || s.ProtocolErrors != 0 {
			t.Errorf("%s: %+v", addr, s)
		}
		r.stop()
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket file is still there: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if std.Len() > 0 {
		t.Errorf("standard log: %s", std.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Several listeners share limits, handler and Shutdown.
func TestSeveralListeners(t *testing.T) {
	t.Parallel()
	s := newServer(Options{})
	s.handler.Store((&fake{quiet: true}).judge())
	ended := make(chan error, 3)
	var ps []*pipes
	for range 3 {
		p := newPipes()
		ps = append(ps, p)
		go func() { ended <- s.Serve(p) }()
	}
	for _, p := range ps {
		m := connectMTA(t, p.dial, offerAll)
		m.hello()
		if o := m.deliver(usual); o.code != 'c' {
			t.Errorf("%q", o.code)
		}
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	for range ps {
		if err := <-ended; err != ErrServerClosed {
			t.Error(err)
		}
	}
}

func TestQuickAck(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ack := quickAck(c)
	if ack == nil {
		t.Skip("no TCP_QUICKACK on this system")
	}
	ack()
	c.Close()
	ack() // harmless on a closed connection
	if x, y := net.Pipe(); quickAck(x) != nil {
		t.Error("not TCP")
	} else {
		x.Close()
		y.Close()
	}
}

func TestPassing(t *testing.T) {
	t.Parallel()
	if !passing(&net.OpError{Err: os.NewSyscallError("accept", syscall.EMFILE)}) || passing(net.ErrClosed) {
		t.Error("which errors of Accept pass")
	}
}
