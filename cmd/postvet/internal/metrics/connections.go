package metrics

import (
	"context"
	"net"
	"net/http"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// listener accepts connections without a bound. From the bound on, each new one closes
// the one without a sign of life for the longest time, so that half a request never
// keeps a scrape waiting.
type listener struct {
	net.Listener
	conns *idle.List
}

func (l listener) Accept() (net.Conn, error) {
	socket, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	holder := socket.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(holder); err == nil {
		holder = host
	}
	return &conn{socket, l.conns.Add(holder, func() { _ = socket.Close() })}, nil
}

// conn is a connection of a listener.
type conn struct {
	net.Conn
	entry *idle.Entry
}

func (c *conn) Close() error {
	c.entry.Remove()
	return c.Conn.Close()
}

// connKey is the key of a request's conn in its context.
type connKey struct{}

func connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// touching has each whole request keep its connection from being closed before others.
func touching(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.entry.Touch()
		}
		h.ServeHTTP(w, r)
	})
}
