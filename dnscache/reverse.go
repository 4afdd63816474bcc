package dnscache

import (
	"net/netip"
	"slices"
	"strconv"
)

// ReverseName returns the name that holds the PTR records of an address: octets
// below in-addr.arpa (RFC 1035 section 3.5), nibbles below ip6.arpa (RFC 3596
// section 2.5). An IPv4-mapped address is treated as the IPv4 address, and a zone is
// ignored. The name of the zero Addr is "".
func ReverseName(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	ip = ip.Unmap()
	octets := ip.AsSlice()
	slices.Reverse(octets)
	var b []byte
	if ip.Is4() {
		for _, o := range octets {
			b = append(strconv.AppendUint(b, uint64(o), 10), '.')
		}
		return string(b) + "in-addr.arpa"
	}
	const digits = "0123456789abcdef"
	for _, o := range octets {
		b = append(b, digits[o&15], '.', digits[o>>4], '.')
	}
	return string(b) + "ip6.arpa"
}
