package milter

import (
	"errors"
	"sync"
	"time"
)

// errDraining ends a connection between two messages while the server drains.
var errDraining = errors.New("the server is closing")

// state is the part of a connection's state that Shutdown uses.
type state struct {
	mu      sync.Mutex
	message bool // inside a message; written by the connection's goroutine alone
	waiting bool // blocked in a read between two packets
	killed  bool
}

func (s *state) wasKilled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// setInMessage records that a message begins or ends.
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

// beginRead sets the deadline of a read. If the server drains, it ends a connection
// between two messages instead.
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

// wake ends the read of a connection between two messages, when the server drains.
func (c *Conn) wake() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.state.waiting && !c.state.message {
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	}
}

// kill ends the connection at once, and reports whether it was inside a message.
func (c *Conn) kill() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.state.killed = true
	c.cancel()
	c.socket.Close()
	return c.state.message
}
