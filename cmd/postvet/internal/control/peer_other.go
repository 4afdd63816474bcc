//go:build !linux

package control

import (
	"errors"
	"net"
)

// peerOf fails, since only Linux is supported. A peer that is not known gets no
// answer.
func peerOf(net.Conn) (Peer, error) {
	return Peer{}, errors.New("this system is not supported")
}
