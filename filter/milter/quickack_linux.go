package milter

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck returns a function that makes the kernel acknowledge data at once, nil if c is
// not TCP. Sendmail writes macros and command separately, and its second write waits up to
// 40 ms for our delayed acknowledgement of the first. The option does not last, so the
// function must be called before each read.
func quickAck(c net.Conn) func() {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
	return func() { raw.Control(set) }
}
