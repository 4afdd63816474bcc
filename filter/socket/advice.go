package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// advise puts what to do in front of the cause of an error.
func advise(err error, format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), cause(err))
}

// cause returns the system's error without what net and os say around it: our
// errors name the address themselves.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func adviseInet(err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return advise(err, "port in use: stop the other program (ss -ltnp shows it) or choose another port")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return advise(err, "ports below 1024 need root or CAP_NET_BIND_SERVICE, choose a higher one")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return advise(err, "this machine does not have that address (ip addr shows its own)")
	case errors.As(err, &dns):
		return advise(err, "the host name has no address, use a number")
	}
	return err
}

func advisePath(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return advise(err, "user %d may not create or remove %s, give it the directory with chown", os.Getuid(), path)
	case errors.Is(err, syscall.EROFS):
		return advise(err, "%s lies on a read-only file system (with systemd: RuntimeDirectory= or ReadWritePaths=)", path)
	case errors.Is(err, syscall.EADDRINUSE):
		return advise(err, "socket in use: another process took %s just now", path)
	}
	return advise(err, "%s", path)
}
