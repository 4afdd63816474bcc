package filter

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy"
)

// Options bound and inform a Server. The zero value works.
type Options struct {
	// Logger receives one info line "message" per message, with the keys queue,
	// client (the one evaluated), relay (the trusted one that connected, if any),
	// hidden (why the client behind it is not known), helo, from, rcpts, author,
	// spf, dkim, dmarc, arc, iprev, mx, action, code, rule, overrides,
	// refused_overrides, exempt, dns_ms, dns_lookups, took_ms (from the message's
	// end to the verdict), faults and undelivered, where it applies matched,
	// redirect and shadow; and a warning per fault. Every line about a message
	// bears its queue id. Default: none.
	Logger *zap.Logger

	// MaxConnections is how many connections are served at once; further ones
	// wait in the kernel's queue. Default 1000.
	MaxConnections int
	// MaxRecipients is how many recipients of a message can be replaced, which
	// are remembered for it. Default 1000.
	MaxRecipients int

	// ReadTimeout is how long an MTA may be silent between two packets. It must
	// exceed what the MTA grants its SMTP clients. Default 2h.
	ReadTimeout time.Duration
	// PacketTimeout bounds a packet once its first byte arrived. Default 60s.
	PacketTimeout time.Duration
	// WriteTimeout bounds one write. Default 30s.
	WriteTimeout time.Duration
	// NegotiationTimeout bounds the wait for the first packet. Default 30s.
	NegotiationTimeout time.Duration
	// VerdictTimeout bounds the time from a message's end to its verdict; what
	// is not known by then is a temperror. Keep it below the MTA's own limit
	// (Postfix milter_content_timeout, 300 s). Default 60s.
	VerdictTimeout time.Duration
	// ProgressInterval is how often an MTA that waits for a verdict is told to
	// be patient; Sendmail's default patience is 10 s. Default 3s.
	ProgressInterval time.Duration
	// DrainTimeout bounds Shutdown if its context does not end earlier.
	// Default 90s.
	DrainTimeout time.Duration

	// OnMessage is called after each verdict was sent, from the connection's
	// goroutine. Default: nothing.
	OnMessage func(Decision)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	setInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	setInt(&o.MaxConnections, 1000)
	setInt(&o.MaxRecipients, 1000)
	set := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.ReadTimeout, 2*time.Hour)
	set(&o.PacketTimeout, time.Minute)
	set(&o.WriteTimeout, 30*time.Second)
	set(&o.NegotiationTimeout, 30*time.Second)
	set(&o.VerdictTimeout, time.Minute)
	set(&o.ProgressInterval, 3*time.Second)
	set(&o.DrainTimeout, 90*time.Second)
	return o
}

// Handler is what judges messages.
type Handler struct {
	Checker *policy.Checker
	Rules   rules.Rules
	// Shadow decides nothing: what it would have done is logged and counted where
	// it differs. Nil for none.
	Shadow *rules.Rules
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("filter: server closed")

// Server serves MTAs. It is safe for concurrent use.
type Server struct {
	opt     Options
	log     *zap.Logger
	handler atomic.Pointer[judge]
	count   counters

	slots    chan struct{} // one per connection
	closing  chan struct{} // closed by Shutdown
	draining atomic.Bool
	sessions sync.WaitGroup

	inexact atomic.Bool  // an MTA without HDR_LEADSPC was reported
	limited atomic.Int64 // when MaxConnections was last reported, Unix seconds

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	wires     map[*wire]struct{}
}

// NewServer returns a server that does not listen yet.
func NewServer(h Handler, o Options) *Server {
	s := newServer(o)
	s.SetHandler(h)
	return s
}

func newServer(o Options) *Server {
	o = o.withDefaults()
	return &Server{
		opt:       o,
		log:       o.Logger,
		slots:     make(chan struct{}, o.MaxConnections),
		closing:   make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
		wires:     map[*wire]struct{}{},
	}
}

// SetHandler replaces the handler in one step. A message ends with the handler
// it began with; a connection takes the new one at its next message, to which
// its client and its HELO are then introduced again.
func (s *Server) SetHandler(h Handler) {
	unheld := func(r rules.Rules) func(*result.Results) result.Verdict {
		r.NoHold = true
		return r.Decide
	}
	j := &judge{checker: policyChecker{h.Checker}, decide: h.Rules.Decide, unheld: unheld(h.Rules)}
	if h.Shadow != nil {
		j.shadow, j.shadowUnheld = h.Shadow.Decide, unheld(*h.Shadow)
	}
	if h.Rules.RefusesEarly() {
		j.early = h.Rules.Early
	}
	s.handler.Store(j)
}

// Serve accepts connections until Shutdown, and then returns ErrServerClosed;
// any other error says why accepting is not possible. It closes l. It may be
// called for several listeners at once.
func (s *Server) Serve(l net.Listener) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	socket := socket.Canonical(l.Addr())
	var delay time.Duration
	for {
		if !s.takeSlot(l) {
			return ErrServerClosed
		}
		c, err := l.Accept()
		if err == nil {
			delay = 0
			s.begin(c, socket, true)
			continue
		}
		<-s.slots
		if s.draining.Load() {
			return ErrServerClosed
		}
		if !passing(err) {
			return err
		}
		// Out of descriptors or memory: connections that end make room.
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

// passing reports whether an error of Accept goes away by itself.
func passing(err error) bool {
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

// takeSlot waits until one more connection may be served; false means that the
// server closes.
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

func (s *Server) giveSlot() bool {
	<-s.slots
	return false
}

// begin starts serving a connection to one of our sockets that has a slot, and
// that ends in (*Server).ended; false means that the server closes. That of an
// MTA is counted.
func (s *Server) begin(c net.Conn, socket string, ofMTA bool) bool {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWire(s, c, cancel)
	w.session = newSession(ctx, s, w)
	w.session.socket = socket
	s.mu.Lock()
	if s.draining.Load() {
		s.mu.Unlock()
		cancel()
		c.Close()
		<-s.slots
		return false
	}
	s.wires[w] = struct{}{}
	s.sessions.Add(1)
	s.mu.Unlock()
	if ofMTA {
		s.count.connections.Add(1)
	}
	s.count.open.Add(1)
	go w.serve()
	return true
}

func (s *Server) ended(w *wire) {
	s.mu.Lock()
	delete(s.wires, w)
	s.mu.Unlock()
	s.count.open.Add(-1)
	<-s.slots
	s.sessions.Done()
}
