package web

import (
	"crypto/tls"
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
	// writeBuffer bounds what the kernel keeps for a client that does not read, in octets.
	// Without it the kernel takes up to 4 MiB for each. Most pages fit into it.
	writeBuffer  = 64 << 10
	closeTimeout = 2 * time.Second
)

// Serve serves the pages on l, which Close closes. With a certificate it speaks TLS.
func Serve(l net.Listener, h *Handler, certificate *Certificate, log *zap.Logger) *idle.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      pageTime + 20*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
	}
	if certificate != nil {
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	}
	if std, err := zap.NewStdLogAt(log, zap.WarnLevel); err == nil {
		s.ErrorLog = std
	}
	if h.feed != nil {
		s.RegisterOnShutdown(h.feed.Close) // pages that stay open would keep it from ending
	}
	return idle.Serve(s, boundedListener{l}, maxConns, closeTimeout, func(err error) {
		log.Error("the web page is no longer served; restart to get it back. Mail is not affected", zap.Error(err))
	})
}

// boundedListener bounds the memory of the kernel for each connection.
type boundedListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l boundedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if b, ok := c.(interface{ SetWriteBuffer(octets int) error }); ok {
		_ = b.SetWriteBuffer(writeBuffer) // a connection that has ended has none
	}
	return c, err
}
