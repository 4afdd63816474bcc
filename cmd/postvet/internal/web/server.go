package web

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// The bounds of the HTTP server. A client that reaches the listener must not take CPU time
// and memory from the mail.
const (
	maxConns       = 512
	maxHeaderBytes = 16 << 10
	closeTimeout   = 2 * time.Second
)

// Server serves the pages on a listener.
type Server struct {
	http *http.Server
	done chan struct{}
}

// Serve serves the pages on l, which Close closes. With a certificate it speaks TLS.
func Serve(l net.Listener, h *Handler, certificate *Certificate, log *zap.Logger) *Server {
	s := &Server{
		http: &http.Server{
			Handler:           h,
			ConnContext:       idle.ConnContext,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      pageTime + 20*time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    maxHeaderBytes,
			TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
		},
		done: make(chan struct{}),
	}
	if std, err := zap.NewStdLogAt(log, zap.WarnLevel); err == nil {
		s.http.ErrorLog = std
	}
	if h.feed != nil {
		s.http.RegisterOnShutdown(h.feed.Close) // pages that stay open would keep it from ending
	}
	go func() {
		defer close(s.done)
		bounded := idle.NewListener(l, maxConns)
		serve := func() error { return s.http.Serve(bounded) }
		if certificate != nil {
			s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
			serve = func() error { return s.http.ServeTLS(bounded, "", "") }
		}
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the web page is no longer served; restart to get it back. Mail is not affected", zap.Error(err))
		}
	}()
	return s
}

// Close ends the server. A page under way has a moment to end.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.done
}
