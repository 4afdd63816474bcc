package idle

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Server serves HTTP on a listener whose connections are bounded.
type Server struct {
	http      *http.Server
	closeTime time.Duration
	done      chan struct{}
}

// Serve begins to serve HTTP on up to max connections of l, which Close closes, over TLS if
// s has a configuration of it. Requests have their connection, see [ConnOf]. failed is called
// with the error if the server ends by itself.
func Serve(s *http.Server, l net.Listener, max int, closeTime time.Duration, failed func(error)) *Server {
	s.ConnContext = ConnContext
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	x := &Server{http: s, closeTime: closeTime, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		if err := serve(NewListener(l, max)); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	}()
	return x
}

// Close ends the server. Requests under way have the closeTime of Serve to end.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), s.closeTime)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.done
}
