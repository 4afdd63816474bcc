package milter

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

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
	p := miltertest.NewListener()
	l := &counting{Listener: p}
	f := &fake{verdict: Verdict{Quarantine: "x", Remove: []FieldRef{{"A", 1}, {"A", 2}, {"A", 3}}}, sent: make(chan error, 1)}
	r := startOn(t, f, Options{}, l, p.Dial)
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	before := l.writes.Load()
	m.Deliver(miltertest.Usual())
	<-f.sent
	if n := l.writes.Load() - before; n != 2 {
		t.Errorf("%d writes for MAIL and the verdict", n)
	}
}

// Wrong answers do no harm.
func TestStrayAndOwedReplies(t *testing.T) {
	t.Parallel()
	pair := func(a agreement) (*Conn, func() string) {
		x, y := net.Pipe()
		t.Cleanup(func() { x.Close(); y.Close() })
		c := newConn(newServer(zap.NewNop(), &fake{}, Options{}), x, "")
		c.agreed = a
		codes := make(chan string, 1)
		go func() {
			m := miltertest.New(t, y)
			var got []byte
			for {
				code, _, err := m.ReadPacket()
				if err != nil {
					codes <- string(got)
					return
				}
				got = append(got, code)
			}
		}()
		return c, func() string {
			_ = c.out.flush()
			x.Close()
			return <-codes
		}
	}
	all, _ := agree(miltertest.OfferAll.Bytes(), false, false)
	t.Run("stray continue", func(t *testing.T) {
		c, sent := pair(all)
		c.expect('L')
		c.reply('c')
		c.expect('A')
		c.reply('c')
		if got := sent(); got != "" || c.server.Counts().StrayReplies != 2 {
			t.Errorf("%q %+v", got, c.server.Counts())
		}
	})
	t.Run("a verdict where none is due waits for the end", func(t *testing.T) {
		c, sent := pair(all)
		c.expect('L')
		c.reply('r')
		c.expect('B')
		c.reply('t')
		c.expect('E')
		c.reply('c')
		if got := sent(); got != "r" {
			t.Errorf("%q", got)
		}
	})
	t.Run("but not for the next message", func(t *testing.T) {
		c, sent := pair(all)
		c.expect('L')
		c.reply('r')
		c.expect('M')
		c.reply('c')
		c.expect('E')
		c.reply('c')
		if got := sent(); got != "cc" {
			t.Errorf("%q", got)
		}
	})
	t.Run("a refusal stands", func(t *testing.T) {
		c, sent := pair(all)
		c.expect('L')
		c.reply('r')
		c.expect('E')
		c.reply('t')
		if got := sent(); got != "t" {
			t.Errorf("%q", got)
		}
	})
	t.Run("owed", func(t *testing.T) {
		c, sent := pair(agreement{version: 2})
		for _, cmd := range []byte{'L', 'N', 'B', 'H', 'E', 'A', 'Q'} {
			c.expect(cmd)
			c.replyIfOwed()
		}
		if got := sent(); got != "cccct" || c.server.Counts().OwedReplies != 5 {
			t.Errorf("%q %+v", got, c.server.Counts())
		}
	})
	t.Run("edits only at the end", func(t *testing.T) {
		c, sent := pair(all)
		c.expect('M')
		c.collect(packet('i', make([]byte, 8)))
		c.reply('c')
		c.expect('E')
		p := packet('i', append(make([]byte, 4), miltertest.Strings("A", strings.Repeat("x", 10000))...))
		c.collect(p[:3])
		c.collect(p[3:100])
		c.collect(append(p[100:], 0, 0, 0, 1))
		c.collect([]byte{'c'})
		if got := sent(); got != "cic" {
			t.Errorf("%q", got)
		}
	})
}
