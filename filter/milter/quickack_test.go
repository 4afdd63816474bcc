package milter

import (
	"net"
	"testing"
)

func TestQuickAck(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ack := quickAck(c)
	if ack == nil {
		t.Skip("no TCP_QUICKACK on this system")
	}
	ack()
	c.Close()
	ack() // harmless on a closed connection
	if x, y := net.Pipe(); quickAck(x) != nil {
		t.Error("not TCP")
	} else {
		x.Close()
		y.Close()
	}
}
