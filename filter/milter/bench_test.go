package milter

import (
	"bufio"
	"net"
	"net/textproto"
	"testing"

	gomilter "github.com/emersion/go-milter"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// BenchmarkServer is this package with sessions that do nothing.
func BenchmarkServer(b *testing.B) {
	path := socketPath(b)
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	r := startOn(b, &fake{quiet: true}, Options{}, l, func() (net.Conn, error) { return net.Dial("unix", path) })
	miltertest.Bench(b, r.dial)
}

// idle answers everything at once.
type idle struct{ gomilter.NoOpMilter }

func (idle) Body(*gomilter.Modifier) (gomilter.Response, error) { return gomilter.RespContinue, nil }

// idleSilent also returns nil where replies are switched off, which go-milter
// needs then.
type idleSilent struct{ idle }

func (idleSilent) Connect(string, string, uint16, net.IP, *gomilter.Modifier) (gomilter.Response, error) {
	return nil, nil
}
func (idleSilent) Helo(string, *gomilter.Modifier) (gomilter.Response, error)   { return nil, nil }
func (idleSilent) RcptTo(string, *gomilter.Modifier) (gomilter.Response, error) { return nil, nil }

func (idleSilent) Header(string, string, *gomilter.Modifier) (gomilter.Response, error) {
	return nil, nil
}

func (idleSilent) Headers(textproto.MIMEHeader, *gomilter.Modifier) (gomilter.Response, error) {
	return nil, nil
}

func (idleSilent) BodyChunk([]byte, *gomilter.Modifier) (gomilter.Response, error) { return nil, nil }

// BenchmarkBareGoMilter is go-milter by itself, as its documentation uses it.
func BenchmarkBareGoMilter(b *testing.B) {
	benchBare(b, idle{}, gomilter.OptNoUnknown|gomilter.OptNoData)
}

// BenchmarkBareGoMilterSilent is the same without the replies that nobody needs.
func BenchmarkBareGoMilterSilent(b *testing.B) {
	benchBare(b, idleSilent{}, wantedProtocol)
}

// BenchmarkBareGoMilterBuffered is that with reads from a buffer: the least that
// a milter on go-milter costs.
func BenchmarkBareGoMilterBuffered(b *testing.B) {
	benchBareOn(b, idleSilent{}, wantedProtocol, func(l net.Listener) net.Listener { return buffered{l} })
}

// buffered is a listener whose connections read ahead.
type buffered struct{ net.Listener }

func (l buffered) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &bufferedConn{c, bufio.NewReaderSize(c, readBuffer)}, nil
}

type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func benchBare(b *testing.B, backend gomilter.Milter, protocol gomilter.OptProtocol) {
	benchBareOn(b, backend, protocol, func(l net.Listener) net.Listener { return l })
}

func benchBareOn(b *testing.B, backend gomilter.Milter, protocol gomilter.OptProtocol, wrap func(net.Listener) net.Listener) {
	path := socketPath(b)
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	s := &gomilter.Server{NewMilter: func() gomilter.Milter { return backend }, Protocol: protocol}
	done := make(chan struct{})
	go func() { _ = s.Serve(wrap(l)); close(done) }()
	miltertest.Bench(b, func() (net.Conn, error) { return net.Dial("unix", path) })
	l.Close()
	<-done
}
