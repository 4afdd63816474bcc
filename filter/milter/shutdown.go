package milter

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// killGrace bounds the wait for sessions whose context was cancelled.
const killGrace = 5 * time.Second

// DrainError is the error of a Shutdown that closed connections by force.
type DrainError struct {
	// Connections is the number of connections closed by force. Messages is the number
	// of those inside a message, for which the MTA takes its default action.
	Connections, Messages int
}

func (e *DrainError) Error() string {
	return fmt.Sprintf("%d connections closed by force, %d of them inside a message", e.Connections, e.Messages)
}

// Shutdown closes the listeners, which removes their socket files, and drains the
// connections. It closes a connection between two messages at once, and one inside a
// message after the verdict or the message's abort. When ctx or Options.DrainTimeout ends,
// it closes the remaining connections and returns a *DrainError.
func (s *Server) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.DrainTimeout)
	defer cancel()
	s.mu.Lock()
	if s.draining.CompareAndSwap(false, true) {
		close(s.closing)
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.wake()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	var left DrainError
	s.mu.Lock()
	for c := range s.conns {
		left.Connections++
		if c.kill() {
			left.Messages++
		}
	}
	s.mu.Unlock()
	select {
	case <-done:
	case <-time.After(killGrace):
		s.log.Error("connections do not end although they were closed", zap.Int64("connections", s.count.open.Load()))
	}
	if left == (DrainError{}) {
		return nil
	}
	s.count.forced.Add(int64(left.Connections))
	s.log.Warn("connections closed by force", zap.Int("connections", left.Connections), zap.Int("messages", left.Messages))
	return &left
}
