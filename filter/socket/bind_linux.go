package socket

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindUnix listens on path. The file is the owner's alone until its rights are
// set: on Linux it takes the mode of the socket that is bound, so that the
// process's umask need not be touched.
func bindUnix(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); e != nil {
			return e
		}
		return err
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}
