package filter

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Options configure a Server. The zero value works.
type Options struct {
	// Logger receives one info line "message" per message and a warning per fault.
	// contrib/monitoring/LOGS.md lists the keys. Every line about a message has its
	// queue id. Default: no log.
	Logger *zap.Logger
	// Milter bounds the connections.
	Milter milter.Options
	// MaxRecipients is how many recipients of a message are remembered, so that they
	// can be replaced. Default 1000.
	MaxRecipients int
	// Trace reports whether the messages of a client are traced, see Handler.Traced. It
	// is called at connect, HELO and MAIL, and must return at once.
	// Default: none is.
	Trace func(message.Client) bool
	// MaxTraced bounds the connections that are traced at the same time, for a trace
	// may have 2000 lines. Others are not traced. Default 32.
	MaxTraced int
	// Reference returns the reference of a message that is decided at a time, which a
	// refusal tells the sender. Default: none.
	Reference func(time.Time) result.Reference
	// Copy begins a copy of a message that has a certain recipient, as the client wrote
	// it; it returns nil if the message is not copied for its sake. It is called for
	// each recipient until there is a copy, and must return at once. Default: no
	// message is copied.
	Copy func(recipient string) Copy
	// Hold is asked before a message is held, once for each. It must return at once.
	// Default: every message may be held.
	Hold func(*result.Results) Over
	// OnMessage is called after each verdict was sent, from the connection's
	// goroutine, unless it is nil.
	OnMessage func(Decision)
}

// Server serves MTAs. It is safe for concurrent use.
type Server struct {
	opt     Options
	log     *zap.Logger
	milter  *milter.Server
	handler atomic.Pointer[handler]
	count   counters
	traced  atomic.Int64 // connections
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
	if o.Trace == nil {
		o.Trace = func(message.Client) bool { return false }
	}
	if o.Reference == nil {
		o.Reference = func(time.Time) result.Reference { return 0 }
	}
	if o.MaxTraced <= 0 {
		o.MaxTraced = 32
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

// SetHandler replaces the handler. A message keeps the handler with which it began. A
// connection uses the new handler from its next message on.
func (s *Server) SetHandler(h Handler) { s.handler.Store(newHandler(h)) }

// Serve accepts connections until Shutdown, and then returns [milter.ErrServerClosed].
// Any other error says why it cannot accept connections. It closes l. It may be called
// for several listeners concurrently.
func (s *Server) Serve(l net.Listener) error { return s.milter.Serve(l, socket.Canonical(l.Addr())) }

// Shutdown closes the listeners and drains the connections, see
// [milter.Server.Shutdown].
func (s *Server) Shutdown(ctx context.Context) error { return s.milter.Shutdown(ctx) }

// Alive checks that the server answers, for a watchdog; see [milter.Server.Alive].
func (s *Server) Alive(ctx context.Context) error { return s.milter.Alive(ctx) }
