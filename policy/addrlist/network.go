package addrlist

import "net/netip"

// NetworkOf returns the network that stands for an address where its last bits do not count:
// /24 of IPv4, also where IPv6 maps it, and /48 of IPv6, as most networks on the Internet are
// announced. That of an invalid address is invalid.
func NetworkOf(ip netip.Addr) netip.Prefix {
	bits := 24
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		bits = 48
	}
	p, _ := ip.Prefix(bits) // fails only for an invalid address
	return p
}
