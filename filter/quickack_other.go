//go:build !linux

package filter

import "net"

// quickAck does nothing where the option does not exist.
func quickAck(net.Conn) func() { return nil }
