package keyservers

import (
	"net"
	"testing"
)

// Listen accepts connections on a port of this machine until the test ends, has each served
// by serve in a goroutine of its own, and returns the address. It is for servers that break
// their protocol.
func Listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}
