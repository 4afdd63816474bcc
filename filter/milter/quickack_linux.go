package milter

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck returns a function that has the kernel acknowledge at once, nil if c
// is not TCP. Sendmail writes macros and command apart, so that its second write
// waits for our delayed acknowledgement of the first, 40 ms each time. The option
// does not last: call the function before each read.
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
