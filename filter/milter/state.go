package milter

import (
	"errors"
	"sync"
	"time"
)

// errDraining ends a connection between two messages, once the server drains.
var errDraining = errors.New("the server is closing")

// state is what Shutdown has to know of a connection.
type state struct {
	mu      sync.Mutex
	message bool // one is under way; written by the connection's goroutine alone
	waiting bool // blocked in a read between two packets
	killed  bool
}

func (s *state) wasKilled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// setInMessage notes that a message begins or ends.
func (c *Conn) setInMessage(in bool) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if in == c.state.message {
		return
	}
	c.state.message = in
	if in {
		c.server.count.busy.Add(1)
	} else {
		c.server.count.busy.Add(-1)
	}
}

// beginRead sets the deadline of a read. Between two messages of a server that
// drains it ends the connection instead.
func (c *Conn) beginRead() error {
	end := c.packetEnd
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if end.IsZero() {
		if c.state.killed || !c.state.message && c.server.draining.Load() {
			return errDraining
		}
		c.state.waiting = true
		end = time.Now().Add(c.server.opt.ReadTimeout)
		if c.command == 0 {
			end = time.Now().Add(negotiationTimeout)
		}
	}
	return c.socket.SetReadDeadline(end)
}

func (c *Conn) endRead() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.state.waiting = false
}

// wake ends the read of a connection that is between two messages; the server
// drains.
func (c *Conn) wake() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.state.waiting && !c.state.message {
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	}
}

// kill ends the connection wherever it is, and reports whether a message was
// under way.
func (c *Conn) kill() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.state.killed = true
	c.cancel()
	c.socket.Close()
	return c.state.message
}
