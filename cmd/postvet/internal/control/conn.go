package control

import (
	"net"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// conn is one connection of a peer who may ask.
type conn struct {
	net.Conn
	peer Peer
	idle *idle.Entry
	// replaced is closed when another connection takes the place of this one.
	replaced chan struct{}
}

// errReplaced is the answer on a connection whose place another one took.
var errReplaced = refuse(CodeBusy, "too many control connections at once, and this one was the oldest that waited; try again")

// begin serves a connection in a goroutine of its own. Until its request is carried out,
// the connection is idle. A peer who may not ask is told so at once, and holds no place.
func (s *Server) begin(socket net.Conn) {
	peer, refusal := s.admit(socket)
	if refusal != nil {
		_ = socket.SetWriteDeadline(time.Now().Add(time.Second))
		s.write(socket, nil, refusal)
		socket.Close()
		return
	}
	c := &conn{Conn: socket, peer: peer, replaced: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		socket.Close()
		return
	}
	s.open[c] = struct{}{}
	_ = c.SetReadDeadline(time.Now().Add(s.opt.Timeout))
	c.idle = s.idle.Add(strconv.Itoa(peer.UID), c.replace)
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		s.serve(c)
		c.idle.Remove()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		c.Close()
	}()
}

// admit returns who connected, or why the peer may not ask.
func (s *Server) admit(socket net.Conn) (Peer, *Refusal) {
	peer, err := peerOf(socket)
	if err != nil {
		return peer, refuse(CodeDenied, "who is asking cannot be found out: %v", err)
	}
	if !peer.may(s.opt.UID, s.opt.GID) {
		s.opt.Logger.Warn("control request denied", zap.Stringer("peer", peer))
		return peer, refuse(CodeDenied, "user %d may not control this service; become root or user %d, or name a group of yours in control.group", peer.UID, s.opt.UID)
	}
	return peer, nil
}

// replace ends a connection in favour of another one.
func (c *conn) replace() {
	close(c.replaced)
	_ = c.SetReadDeadline(time.Unix(1, 0))
}
