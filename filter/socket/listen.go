package socket

import (
	"fmt"
	"io/fs"
	"net"
	"strconv"
)

// Options are the rights of a socket file; they mean nothing for other
// addresses.
type Options struct {
	// Mode is the file's mode; the MTA needs to write. Default 0660.
	Mode fs.FileMode
	// Group is the name or number of the file's group, such as "postfix".
	// Default: the process's own, or the directory's if that is setgid.
	Group string
}

// Listen opens a listener at an address in any notation of [Parse]. A socket
// file that nobody listens on is replaced; one with a listener is an error. On
// an error nothing is left behind. Closing the listener removes the file, if it
// is still the same. Every error names the address and what to do.
func Listen(addr string, o Options) (net.Listener, error) {
	a, err := Parse(addr)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	switch a.Network {
	case "unix":
		l, err = listenUnix(a.Address, o)
	case "systemd":
		l, err = listenNamed(a.Address)
	case "fd":
		var fd int
		if fd, err = strconv.Atoi(a.Address); err == nil {
			l, err = listenFD(fd)
		}
	default:
		if l, err = net.Listen(a.Network, a.Address); err != nil {
			err = adviseInet(err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return l, nil
}
