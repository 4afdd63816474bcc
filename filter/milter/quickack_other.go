//go:build !linux

package milter

import "net"

// quickAck does nothing where the option does not exist.
func quickAck(net.Conn) func() { return nil }
