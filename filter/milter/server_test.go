package milter

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	accept := func(e error) error { return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", e)} }
	t.Run("temporary", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &failing{Listener: miltertest.NewListener()}
			for range 12 {
				l.errs = append(l.errs, accept(syscall.EMFILE))
			}
			l.errs = append(l.errs, accept(syscall.ECONNABORTED))
			begun := time.Now()
			r := startOn(t, &fake{}, Options{}, l, l.Dial)
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			if s := r.Counts(); s.AcceptErrors != 13 {
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
		s := newServer(zap.NewNop(), &fake{}, Options{})
		l := &failing{Listener: miltertest.NewListener(), errs: []error{accept(syscall.EBADF)}}
		if err := s.Serve(l, ""); !errors.Is(err, syscall.EBADF) {
			t.Error(err)
		}
	})
	t.Run("closed while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := &failing{Listener: miltertest.NewListener()}
			for range 100 {
				l.errs = append(l.errs, accept(syscall.ENFILE))
			}
			r := startOn(t, &fake{}, Options{}, l, l.Dial)
			time.Sleep(4 * time.Second)
			r.stop()
		})
	})
}

// TestSockets runs messages in parallel over real sockets. go-milter writes nothing
// to the standard log meanwhile.
func TestSockets(t *testing.T) {
	var std bytes.Buffer
	var mu sync.Mutex
	log.SetOutput(writerFunc(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return std.Write(p) }))
	defer log.SetOutput(os.Stderr)
	for _, addr := range [][2]string{{"unix", socketPath(t)}, {"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
		l, err := net.Listen(addr[0], addr[1])
		if err != nil {
			if addr[0] == "tcp6" {
				continue // no IPv6 here
			}
			t.Fatal(err)
		}
		f := &fake{verdict: Verdict{Reply: Reply{Text: "550 5.7.1 x"}}}
		r := startOn(t, f, Options{}, l, func() (net.Conn, error) { return net.Dial(l.Addr().Network(), l.Addr().String()) })
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				m, err := r.dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer m.Close()
				c := miltertest.New(t, m)
				c.Negotiate([]miltertest.Offer{miltertest.OfferAll, miltertest.Offer2}[i%2])
				c.Hello()
				for range 20 {
					if o := c.Deliver(miltertest.Usual()); o.Code != 'y' {
						t.Errorf("%q", o.Code)
						return
					}
				}
				if i%3 == 0 {
					c.Envelope(miltertest.Usual()) // leaves inside a message
				} else {
					c.Send('Q')
				}
			})
		}
		wg.Wait()
		r.stop() // waits for all to be read
		if s := r.Counts(); len(f.saying("sent")) != 160 || len(f.saying("abort")) != 3 || s.ProtocolErrors != 0 || s.Forced != 0 {
			t.Errorf("%s: %+v, %d verdicts, %d aborted", addr, s, len(f.saying("sent")), len(f.saying("abort")))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if std.Len() > 0 {
		t.Errorf("standard log: %s", std.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Several listeners share limits and Shutdown.
func TestSeveralListeners(t *testing.T) {
	t.Parallel()
	s := newServer(zap.NewNop(), &fake{quiet: true}, Options{})
	ended := make(chan error, 3)
	var ps []*miltertest.Listener
	for range 3 {
		p := miltertest.NewListener()
		ps = append(ps, p)
		go func() { ended <- s.Serve(p, "") }()
	}
	for _, p := range ps {
		m := miltertest.Connect(t, p.Dial, miltertest.OfferAll)
		m.Hello()
		if o := m.Deliver(miltertest.Usual()); o.Code != 'c' {
			t.Errorf("%q", o.Code)
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

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &fake{}, Options{MaxConnections: 2})
		a, b := miltertest.Connect(t, r.dial, miltertest.OfferAll), miltertest.Connect(t, r.dial, miltertest.OfferAll)
		third := make(chan *miltertest.MTA)
		go func() { third <- miltertest.Connect(t, r.dial, miltertest.OfferAll) }()
		synctest.Wait()
		if s := r.Counts(); s.Open != 2 || s.Limited != 1 {
			t.Errorf("%+v", s)
		}
		a.Close()
		c := <-third
		c.Hello()
		if o := c.Deliver(miltertest.Usual()); o.Code != 'c' {
			t.Errorf("%q", o.Code)
		}
		b.Close()
		r.stop()
	})
}

func TestMaxConnectionsShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &fake{}, Options{MaxConnections: 1})
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		synctest.Wait() // Serve waits for a slot
		if err := shutdown(r, time.Minute); err != nil {
			t.Error(err)
		}
		m.Closed()
		r.stop()
	})
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	if !temporary(&net.OpError{Err: os.NewSyscallError("accept", syscall.EMFILE)}) || temporary(net.ErrClosed) {
		t.Error("which errors of Accept are temporary")
	}
}

// failing is a listener that is out of descriptors for a while.
type failing struct {
	*miltertest.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}
