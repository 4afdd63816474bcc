package filter

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postvet/postvet/policy/result"

	"github.com/emersion/go-milter"
)

// The load is that of a usual message: 20 fields and a body of 10 KB, macros
// before each command as Postfix sends them, several messages on a connection.

var benchLetter = func() letter {
	l := letter{from: "<a@example.org>", rcpts: []string{"<b@example.net>"}, body: strings.Repeat(strings.Repeat("x", 70)+"\r\n", 142)}
	for i := range 20 {
		l.fields = append(l.fields, [2]string{fmt.Sprintf("X-Field-%d", i), " " + strings.Repeat("y", 60)})
	}
	return l
}()

// play sends the benchmark's messages over connections in parallel, the MTA's
// packets of one stage in one write.
func play(b *testing.B, dial dialer) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		c, err := dial()
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		m := &mta{Conn: c, t: b, r: newReader(c), queue: "4ABCDEF"}
		m.negotiate(offerAll)
		m.hello()
		w := m.stream()
		for pb.Next() {
			if code := w.deliver(benchLetter); code != 'c' && code != 'a' {
				b.Errorf("verdict %q", code)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// stream is an mta that collects what it need not wait for, as both MTAs do.
type stream struct {
	*mta
	out []byte
}

func (m *mta) stream() *stream { return &stream{mta: m} }

func (s *stream) step(cmd byte, data []byte) byte {
	s.add('D', append([]byte{cmd, 'i', 0}, "4ABCDEF\x00"...))
	s.add(cmd, data)
	silent := map[byte]uint32{'L': 0x80, 'N': 0x40000, 'B': 0x80000}[cmd]
	if silent != 0 && s.got.protocol&silent != 0 {
		return 'c'
	}
	s.Write(s.out)
	s.out = s.out[:0]
	code, _, err := s.try()
	if err != nil {
		s.t.Error(err)
	}
	return code
}

func (s *stream) add(cmd byte, data []byte) { s.out = append(s.out, packet(cmd, data)...) }

func (s *stream) deliver(l letter) byte {
	s.step('M', z(l.from))
	s.step('R', z(l.rcpts[0]))
	for _, f := range l.fields {
		s.step('L', z(f[0], f[1]))
	}
	s.step('N', nil)
	s.step('B', []byte(l.body))
	return s.step('E', nil)
}

// BenchmarkAdapter is this package with a policy that does nothing.
func BenchmarkAdapter(b *testing.B) {
	f := &fake{quiet: true, finish: nil}
	r := startUnix(b, f, Options{OnMessage: func(Decision) {}})
	play(b, r.dial)
	eventually(b, "all messages counted", func() bool { return r.Stats().Messages[result.Accept] >= int64(b.N) })
}

// idle answers everything at once.
type idle struct{ milter.NoOpMilter }

func (idle) Body(*milter.Modifier) (milter.Response, error) { return milter.RespContinue, nil }

// idleSilent also returns nil where replies are switched off, which go-milter
// needs then.
type idleSilent struct{ idle }

func (idleSilent) Header(string, string, *milter.Modifier) (milter.Response, error) {
	return nil, nil
}

func (idleSilent) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return nil, nil
}
func (idleSilent) BodyChunk([]byte, *milter.Modifier) (milter.Response, error) { return nil, nil }

// BenchmarkBareGoMilter is go-milter by itself, as its documentation uses it.
func BenchmarkBareGoMilter(b *testing.B) {
	benchBare(b, idle{}, milter.OptNoUnknown|milter.OptNoData)
}

// BenchmarkBareGoMilterSilent is the same without replies to header and body.
func BenchmarkBareGoMilterSilent(b *testing.B) {
	benchBare(b, idleSilent{}, wantedProtocol)
}

// BenchmarkBareGoMilterBuffered is that with reads from a buffer: the least that
// a milter on go-milter costs.
func BenchmarkBareGoMilterBuffered(b *testing.B) {
	benchBareOn(b, idleSilent{}, wantedProtocol, func(l net.Listener) net.Listener { return ahead{l} })
}

// ahead is a listener whose connections read ahead.
type ahead struct{ net.Listener }

func (l ahead) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &aheadConn{c, bufio.NewReaderSize(c, readBuffer)}, nil
}

type aheadConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *aheadConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func benchBare(b *testing.B, backend milter.Milter, protocol milter.OptProtocol) {
	benchBareOn(b, backend, protocol, func(l net.Listener) net.Listener { return l })
}

func benchBareOn(b *testing.B, backend milter.Milter, protocol milter.OptProtocol, wrap func(net.Listener) net.Listener) {
	path := shortDir(b) + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return backend }, Protocol: protocol}
	done := make(chan struct{})
	go func() { s.Serve(wrap(l)); close(done) }()
	play(b, func() (net.Conn, error) { return net.Dial("unix", path) })
	l.Close()
	<-done
}
