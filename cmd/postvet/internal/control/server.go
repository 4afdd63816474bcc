package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Handler carries out a request and returns what Response.Result is to be. An
// error that is a *Refusal is answered as it stands, another as CodeFailed. The
// context ends with the server; that a client is gone ends nothing.
type Handler func(ctx context.Context, peer Peer, q Request) (any, error)

// Options bound and inform a Server. Handler is needed.
type Options struct {
	Handler Handler
	// Postvet is the version that responses carry.
	Postvet string
	// Allowed are the users who may ask, beside root, and the group whose members
	// may; GID is -1 for none.
	UID, GID int
	// Logger receives a line per request that is refused for want of rights.
	// Default: none.
	Logger *zap.Logger
	// MaxConnections is how many are served at once; further ones are turned
	// away. Default 16.
	MaxConnections int
	// Timeout bounds reading a request and, again, writing its response.
	// Default 10s.
	Timeout time.Duration
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	group  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}
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
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{opt: o, ctx: ctx, cancel: cancel, slots: make(chan struct{}, o.MaxConnections), open: map[net.Conn]struct{}{}}
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

// Close ends the service and waits until nothing of it runs: requests that are
// carried out end with their context.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	if s.l != nil {
		s.l.Close()
	}
	for c := range s.open {
		// What is being written may still be written, reading is over.
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
			// Out of descriptors, most likely: the mail needs them more.
			s.opt.Logger.Warn("accepting a control connection failed, trying again", zap.Error(err))
			select {
			case <-time.After(time.Second):
				continue
			case <-s.ctx.Done():
				return
			}
		}
		if !s.begin(c) {
			c.Close()
		}
	}
}

// begin serves a connection in a goroutine of its own; false means that it
// cannot.
func (s *Server) begin(c net.Conn) bool {
	if !s.slot() {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		s.write(c, nil, refuse(CodeBusy, "too many control connections at once; try again"))
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		<-s.slots
		return false
	}
	s.open[c] = struct{}{}
	_ = c.SetReadDeadline(time.Now().Add(s.opt.Timeout))
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		s.serve(c)
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		c.Close()
		<-s.slots
	}()
	return true
}

// slotWait is how long a connection waits while all are in use: who was just
// answered, and asks again, may find its last one not yet closed.
const slotWait = 500 * time.Millisecond

// slot reports whether there is room for one more connection.
func (s *Server) slot() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
	}
	t := time.NewTimer(slotWait)
	defer t.Stop()
	select {
	case s.slots <- struct{}{}:
		return true
	case <-t.C:
	case <-s.ctx.Done():
	}
	return false
}

// serve reads one request and writes one response.
func (s *Server) serve(c net.Conn) {
	result, err := s.answer(c)
	if errors.Is(err, errGone) {
		return
	}
	s.mu.Lock()
	if !s.closed {
		_ = c.SetWriteDeadline(time.Now().Add(s.opt.Timeout))
	}
	s.mu.Unlock()
	s.write(c, result, err)
}

// errGone: there is nobody to be answered.
var errGone = errors.New("control: no request came")

func (s *Server) answer(c net.Conn) (any, error) {
	peer, err := peerOf(c)
	if err != nil {
		return nil, refuse(CodeDenied, "who is asking cannot be found out: %v", err)
	}
	if !peer.may(s.opt.UID, s.opt.GID) {
		s.opt.Logger.Warn("control request denied", zap.Stringer("peer", peer))
		return nil, refuse(CodeDenied, "user %d may not control this service; become root or user %d, or name a group of yours in control.group", peer.UID, s.opt.UID)
	}
	line, err := readLine(c)
	if err != nil {
		var r *Refusal
		if errors.As(err, &r) {
			return nil, r
		}
		return nil, errGone
	}
	q, refusal := parseRequest(line)
	if refusal != nil {
		return nil, refusal
	}
	return s.opt.Handler(s.ctx, peer, q)
}

// readLine reads up to the end of a line, which the end of the stream is too.
func readLine(r io.Reader) ([]byte, error) {
	b := bufio.NewReaderSize(r, maxRequest)
	line, err := b.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, refuse(CodeRequest, "the request is longer than %d octets; write one line of JSON", maxRequest)
	case errors.Is(err, io.EOF) && len(line) > 0:
	case err != nil:
		return nil, err
	}
	return line, nil
}

func (s *Server) write(c net.Conn, result any, err error) {
	r := Response{V: Version, Postvet: s.opt.Postvet}
	if err == nil {
		r.Result, err = json.Marshal(result)
	}
	if err != nil {
		r.Result, r.Code, r.Errors = nil, CodeFailed, []string{err.Error()}
		var refusal *Refusal
		if errors.As(err, &refusal) {
			r.Code, r.Errors = refusal.Code, refusal.Errors
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return // strings and what was marshalled before
	}
	_, _ = c.Write(append(b, '\n')) // a client that is gone asked for nothing
}

// Peer is who asks.
type Peer struct {
	UID int
	PID int
	// GIDs are the group and the further ones that the process had.
	GIDs []int
}

func (p Peer) String() string { return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID) }

// may reports whether the peer is root, the user, or of the group if there is
// one.
func (p Peer) may(uid, gid int) bool {
	if p.UID == 0 || p.UID == uid {
		return true
	}
	for _, g := range p.GIDs {
		if gid >= 0 && g == gid {
			return true
		}
	}
	return false
}
