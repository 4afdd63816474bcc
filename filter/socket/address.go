package socket

import (
	"net"
	"net/netip"
)

// Address is a place to listen, whatever notation it was written in.
type Address struct {
	// Network is "tcp", "tcp4", "tcp6", "unix", "systemd" or "fd".
	Network string
	// Address is host:port, an absolute path, the name of a passed socket, or
	// the number of a descriptor.
	Address string
}

// String returns the address in Postfix's notation.
func (a Address) String() string {
	switch a.Network {
	case "tcp", "tcp4":
		return "inet:" + a.Address
	case "tcp6":
		return "inet6:" + a.Address
	}
	return a.Network + ":" + a.Address
}

// Canonical returns the one form that all notations of an address share, and
// that [Canonical] returns for a socket opened at it: "inet:127.0.0.1:8890",
// "inet:*:8890" for all addresses, "unix:/path". It is "" where the address does
// not name the socket: a host name, a passed socket.
func (a Address) Canonical() string {
	switch a.Network {
	case "unix":
		return "unix:" + a.Address
	case "systemd", "fd":
		return ""
	}
	return canonicalInet(a.Address)
}

// Canonical returns the form of [Address.Canonical] for the address of an open
// socket.
func Canonical(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return canonicalInet(a.String())
}

func canonicalInet(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return ""
	}
	if host == "" {
		return "inet:*:" + port
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return ""
	case ip.IsUnspecified():
		return "inet:*:" + port
	}
	return "inet:" + net.JoinHostPort(ip.Unmap().String(), port)
}
