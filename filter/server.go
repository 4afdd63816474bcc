package filter

import (
	"context"
	"net"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/socket"
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
	// has its queue id. Default: none.
	Logger *zap.Logger
	// Milter bounds the connections.
	Milter milter.Options
	// MaxRecipients is how many recipients of a message can be replaced: they
	// are remembered until its end. Default 1000.
	MaxRecipients int
	// OnMessage is called after each verdict was sent, from the connection's
	// goroutine. Default: nothing.
	OnMessage func(Decision)
}

// Server serves MTAs. It is safe for concurrent use.
type Server struct {
	opt     Options
	log     *zap.Logger
	milter  *milter.Server
	handler atomic.Pointer[handler]
	count   counters
}

// NewServer returns a server that does not listen yet.
func NewServer(h Handler, o Options) *Server {
	s := newServer(o)
	s.SetHandler(h)
	return s
}

func newServer(o Options) *Server {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.MaxRecipients <= 0 {
		o.MaxRecipients = 1000
	}
	s := &Server{opt: o, log: o.Logger}
	s.milter = milter.NewServer(o.Logger, o.Milter, func(c *milter.Conn) milter.Session {
		return &session{srv: s, conn: c}
	})
	return s
}

// SetHandler replaces the handler in one step. A message ends with the handler
// it began with; a connection takes the new one at its next message, to which
// its client and its HELO are then introduced again.
func (s *Server) SetHandler(h Handler) { s.handler.Store(newHandler(h)) }

// Serve accepts connections until Shutdown, and then returns
// [milter.ErrServerClosed]; any other error says why accepting is not possible.
// It closes l. It may be called for several listeners at once.
func (s *Server) Serve(l net.Listener) error { return s.milter.Serve(l, socket.Canonical(l.Addr())) }

// Shutdown closes the listeners and drains the connections, see
// [milter.Server.Shutdown].
func (s *Server) Shutdown(ctx context.Context) error { return s.milter.Shutdown(ctx) }

// Alive is a self-check for a watchdog, see [milter.Server.Alive].
func (s *Server) Alive(ctx context.Context) error { return s.milter.Alive(ctx) }
