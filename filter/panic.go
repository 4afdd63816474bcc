package filter

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/policy/message"
)

// guard calls f. A panic in it becomes a fault of the message, whose verdict is then a
// temporary failure.
func (s *session) guard(during string, f func()) {
	if s.srv.guard(during, s.conn.QueueID(), s.client, f) {
		return
	}
	if s.mail != nil {
		s.mail.fault = "internal error during " + during
	}
	// The policy connection that panicked is not used again. The next message opens
	// another one.
	broken := s.policy
	s.policy = nil
	if broken != nil {
		defer func() { _ = recover() }() // the first panic is reported already
		broken.Close()
	}
}

// Panicked reports a panic outside of guard, which ends the connection.
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

// panicked counts and logs a panic. It must be called from a deferred function, for the
// stack. The value may contain foreign text.
func (s *Server) panicked(during, queueID string, c message.Client, v any) {
	s.count.panics.Add(1)
	s.log.Error("panic",
		text("queue", queueID), zap.String("client", clientIP(c)),
		zap.String("during", during), text("panic", fmt.Sprint(v)), zap.Stack("stack"))
}
