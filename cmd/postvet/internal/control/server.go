package control

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// Handler carries out a request and returns the Response.Result. An error that is
// a *Refusal is sent as it is, another one as CodeFailed. The context ends with
// the server. It does not end when the client leaves.
type Handler func(ctx context.Context, peer Peer, q Request) (any, error)

// Options are the options of a Server. Handler is needed.
type Options struct {
	Handler Handler
	// Postvet is the version that responses carry.
	Postvet string
	// UID is the user who may ask beside root, GID the group whose members may, -1
	// for none.
	UID, GID int
	// Logger receives a line for each request that is denied. Default: none.
	Logger *zap.Logger
	// MaxConnections bounds the requests that are carried out at once, and a quarter
	// of them is out of reach of any single user. Others are refused. Default 16.
	MaxConnections int
	// MaxIdle bounds the connections whose request has not come or must wait. A
	// further connection replaces the oldest one of the user who has most of them.
	// Default 64.
	MaxIdle int
	// Timeout bounds reading a request, and writing its response. Default 10s.
	Timeout time.Duration
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	slots  slots
	idle   *idle.List // connections without a slot

	mu     sync.Mutex
	closed bool
	open   map[*conn]struct{}
	l      net.Listener
}

// NewServer returns a server that does not listen yet.
func NewServer(o Options) *Server {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 16
	}
	if o.MaxIdle <= 0 {
		o.MaxIdle = 64
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{opt: o, ctx: ctx, cancel: cancel, slots: newSlots(o.MaxConnections), idle: idle.NewList(o.MaxIdle), open: map[*conn]struct{}{}}
}

// Start serves l, a unix listener, in the background until Close. It may be
// called once.
func (s *Server) Start(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return
	}
	s.l = l
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		s.accept(l)
	}()
}

// Close ends the service and waits until no goroutine of it runs. The contexts of
// requests that are carried out end.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	if s.l != nil {
		s.l.Close()
	}
	for c := range s.open {
		// A response may still be written, but no request is read.
		_ = c.SetReadDeadline(time.Unix(1, 0))
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	}
	s.mu.Unlock()
	s.cancel()
	s.group.Wait()
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Most likely there are no descriptors left, and mail needs them more.
			s.opt.Logger.Warn("accepting a control connection failed, trying again", zap.Error(err))
			select {
			case <-time.After(time.Second):
				continue
			case <-s.ctx.Done():
				return
			}
		}
		s.begin(c)
	}
}
