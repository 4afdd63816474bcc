package socket

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// FirstPassed is the first descriptor that systemd passes, sd_listen_fds(3).
const FirstPassed = 3

// Passed returns the names of the sockets that systemd passed to this process,
// in the order of their descriptors, which begin with FirstPassed. Sockets of a
// unit without FileDescriptorName= have the unit's name.
//
// The environment is read as sd_listen_fds_with_names(3) says and left as it is.
// The activation package of go-systemd is not used: it makes files of all
// sockets at once, and the garbage collector closes those that nobody asked for.
func Passed() []string {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n <= 0 || n > 1024 {
		return nil
	}
	names := make([]string, n)
	copy(names, strings.Split(os.Getenv("LISTEN_FDNAMES"), ":"))
	return names
}

func listenNamed(name string) (net.Listener, error) {
	fd, passed := -1, Passed()
	for i, n := range passed {
		if n != name {
			continue
		}
		if fd >= 0 {
			return nil, fmt.Errorf("systemd passed several sockets named %q: give each a unit with its own FileDescriptorName=, or name them fd:%d, fd:%d", name, fd, FirstPassed+i)
		}
		fd = FirstPassed + i
	}
	if fd < 0 {
		if len(passed) == 0 {
			return nil, fmt.Errorf("systemd passed no socket: start the socket unit, or name an address")
		}
		return nil, fmt.Errorf("systemd passed no socket named %q, only %s: set FileDescriptorName=%s in the socket unit", name, strings.Join(passed, ", "), name)
	}
	return listenFD(fd)
}

// listenFD takes over a descriptor that listens. Its file, if it has one, belongs
// to the process that made it and is not removed.
func listenFD(fd int) (net.Listener, error) {
	if _, err := syscall.Getsockname(fd); err != nil {
		return nil, advise(err, "descriptor %d is not a socket that was passed to this process", fd)
	}
	f := os.NewFile(uintptr(fd), "passed socket "+strconv.Itoa(fd))
	defer f.Close() // the listener has a duplicate
	l, err := net.FileListener(f)
	if err != nil {
		return nil, advise(err, "descriptor %d is not a listening socket", fd)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	return l, nil
}
