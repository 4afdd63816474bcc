//go:build !linux

package socket

import "net"

// bindUnix listens on path; until its rights are set, the file has those that
// the umask leaves.
func bindUnix(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}
