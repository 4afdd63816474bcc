package milter

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("milter: server closed")

// Server serves MTAs. It is safe for concurrent use.
type Server struct {
	opt        Options
	log        *zap.Logger
	newSession func(*Conn) Session
	count      counters

	slots    chan struct{} // one per connection
	closing  chan struct{} // closed by Shutdown
	draining atomic.Bool
	running  sync.WaitGroup // of connections

	inexactOnce sync.Once    // reports an MTA without HDR_LEADSPC
	missing     sync.Map     // sets of actions that an MTA lacks, reported
	limited     atomic.Int64 // when MaxConnections was last reported, Unix seconds

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
}

// NewServer returns a server that does not listen yet. It logs faults of connections.
// newSession returns the session of a new connection.
func NewServer(log *zap.Logger, o Options, newSession func(*Conn) Session) *Server {
	o = o.withDefaults()
	return &Server{
		opt:        o,
		log:        log,
		newSession: newSession,
		slots:      make(chan struct{}, o.MaxConnections),
		closing:    make(chan struct{}),
		listeners:  map[net.Listener]struct{}{},
		conns:      map[*Conn]struct{}{},
	}
}

// Serve accepts connections until Shutdown, and then returns ErrServerClosed. Any other
// error says why it cannot accept connections. It closes l. It may be called for several
// listeners concurrently. Conn.Listener returns name for the connections.
func (s *Server) Serve(l net.Listener, name string) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	var delay time.Duration
	for {
		if !s.takeSlot(l) {
			return ErrServerClosed
		}
		c, err := l.Accept()
		if err == nil {
			delay = 0
			s.count.connections.Add(1)
			if !s.begin(c, name) {
				s.count.connections.Add(-1)
			}
			continue
		}
		<-s.slots
		if s.draining.Load() {
			return ErrServerClosed
		}
		if !temporary(err) {
			return err
		}
		// Descriptors or memory are exhausted. Connections that end will free some.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.count.acceptErrors.Add(1)
		s.log.Warn("accepting a connection failed, trying again", zap.Error(err), zap.Duration("in", delay))
		select {
		case <-time.After(delay):
		case <-s.closing:
			return ErrServerClosed
		}
	}
}

// temporary reports whether a later Accept may succeed.
func temporary(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR, syscall.EPROTO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	s.count.listening.Add(1)
	return true
}

func (s *Server) untrack(l net.Listener) {
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	s.count.listening.Add(-1)
	l.Close()
}

// takeSlot waits until another connection may be served. It returns false if the server
// is closed meanwhile.
func (s *Server) takeSlot(l net.Listener) bool {
	select {
	case s.slots <- struct{}{}:
		return !s.draining.Load() || s.giveSlot()
	default:
	}
	s.count.limited.Add(1)
	if now, last := time.Now().Unix(), s.limited.Load(); now-last >= 60 && s.limited.CompareAndSwap(last, now) {
		s.log.Warn("all connections are in use, new ones wait", zap.Int("max_connections", s.opt.MaxConnections), zap.Stringer("listen", l.Addr()))
	}
	select {
	case s.slots <- struct{}{}:
		return !s.draining.Load() || s.giveSlot()
	case <-s.closing:
		return false
	}
}

// giveSlot returns a slot, and false for takeSlot.
func (s *Server) giveSlot() bool {
	<-s.slots
	return false
}

// begin starts to serve a connection that has a slot, until (*Server).ended. It returns
// false if the server is closed.
func (s *Server) begin(socket net.Conn, listener string) bool {
	c := newConn(s, socket, listener)
	s.mu.Lock()
	if s.draining.Load() {
		s.mu.Unlock()
		c.cancel()
		socket.Close()
		<-s.slots
		return false
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	s.count.open.Add(1)
	go c.serve()
	return true
}

func (s *Server) ended(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.count.open.Add(-1)
	<-s.slots
	s.running.Done()
}
