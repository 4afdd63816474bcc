package filter

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/message"
)

// guard calls f, and turns a panic into the failure of the message: its verdict
// will be a temporary failure.
func (s *session) guard(during string, f func()) {
	if s.srv.guard(during, s.conn.QueueID(), s.client, f) {
		return
	}
	if s.mail != nil {
		s.mail.fault = "internal error during " + during
	}
	// The conversation that panicked is not used again: the next message starts
	// another one.
	broken := s.policy
	s.policy = nil
	if broken != nil {
		defer func() { _ = recover() }() // one panic is enough
		broken.Close()
	}
}

// Panicked takes a panic outside of guard. The connection ends.
func (s *session) Panicked(v any) {
	s.srv.panicked("connection", s.conn.QueueID(), s.client, v)
}

// guard calls f, and reports whether it returned.
func (s *Server) guard(during, queueID string, c message.Client, f func()) (returned bool) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked(during, queueID, c, v)
		}
	}()
	f()
	return true
}

// panicked counts and logs a panic, in a deferred call. Its value may hold foreign
// text.
func (s *Server) panicked(during, queueID string, c message.Client, v any) {
	s.count.panics.Add(1)
	s.log.Error("panic",
		text("queue", queueID), zap.String("client", clientIP(c)),
		zap.String("during", during), text("panic", fmt.Sprint(v)), zap.Stack("stack"))
}
