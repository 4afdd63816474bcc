//go:build !linux

package control

import (
	"errors"
	"net"
)

// peerOf knows no other system's way to ask; who cannot be told is not answered.
func peerOf(net.Conn) (Peer, error) {
	return Peer{}, errors.New("this system is not supported")
}
