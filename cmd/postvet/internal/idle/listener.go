package idle

import (
	"context"
	"net"
)

// Listener accepts connections without a bound. From the bound on, each new one closes
// the one without a sign of life for the longest time, so that half a request never
// keeps another one waiting.
type Listener struct {
	net.Listener
	conns *List
}

// NewListener returns a listener that keeps up to max connections of l.
func NewListener(l net.Listener, max int) Listener { return Listener{l, NewList(max)} }

// Accept implements [net.Listener]. The connection is a *Conn.
func (l Listener) Accept() (net.Conn, error) {
	socket, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	holder := socket.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(holder); err == nil {
		holder = host
	}
	return &Conn{socket, l.conns.Add(holder, func() { _ = socket.Close() })}, nil
}

// Conn is a connection of a Listener.
type Conn struct {
	net.Conn
	entry *Entry
}

// Touch makes the connection the newest one.
func (c *Conn) Touch() { c.entry.Touch() }

// Keep takes the connection out of those that others may replace.
func (c *Conn) Keep() { c.entry.Remove() }

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.entry.Remove()
	return c.Conn.Close()
}

// connKey is the key of a request's Conn in its context.
type connKey struct{}

// ConnContext puts a Conn, also below TLS, into the context of its requests. It is for
// [net/http.Server].
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf returns the Conn that ConnContext put into a context, nil if there is none.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}
