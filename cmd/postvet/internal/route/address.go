package route

import "net/netip"

// special are the addresses that no mail server on the Internet can have, by the
// registries of RFC 6890.
var special = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network, RFC 1122"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private, RFC 1918"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by customers of a provider, RFC 6598"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback, RFC 1122"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, RFC 3927"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private, RFC 1918"},
	{netip.MustParsePrefix("192.0.0.0/24"), "for protocols, RFC 6890"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation, RFC 5737"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relays, given up by RFC 7526"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private, RFC 1918"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks, RFC 2544"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation, RFC 5737"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation, RFC 5737"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast, RFC 5771"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved, RFC 1112"},
	{netip.MustParsePrefix("::/96"), "loopback or none, RFC 4291"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local translation, RFC 8215"},
	{netip.MustParsePrefix("100::/64"), "discarded, RFC 6666"},
	{netip.MustParsePrefix("2001::/32"), "Teredo, RFC 4380"},
	{netip.MustParsePrefix("2001:2::/48"), "for benchmarks, RFC 5180"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation, RFC 3849"},
	{netip.MustParsePrefix("2002::/16"), "6to4, given up by RFC 7526"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation, RFC 9637"},
	{netip.MustParsePrefix("5f00::/16"), "segment routing, RFC 9602"},
	{netip.MustParsePrefix("fc00::/7"), "private, RFC 4193"},
	{netip.MustParsePrefix("fe80::/10"), "link-local, RFC 4291"},
	{netip.MustParsePrefix("fec0::/10"), "private, given up by RFC 3879"},
	{netip.MustParsePrefix("ff00::/8"), "multicast, RFC 4291"},
}

// translated are the addresses that a resolver makes of those of IPv4 for hosts without
// IPv4 (RFC 6052 section 2.1).
var translated = netip.MustParsePrefix("64:ff9b::/96")

// Reachable returns those of some addresses that the Internet may reach.
func Reachable(addrs []netip.Addr) (list []netip.Addr) {
	for _, ip := range addrs {
		if unreachable(ip) == "" {
			list = append(list, ip)
		}
	}
	return list
}

// unreachable returns why an address cannot be reached over the Internet, "" if it may
// be.
func unreachable(ip netip.Addr) string {
	ip = ip.Unmap()
	if translated.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, s := range special {
		if s.prefix.Contains(ip) {
			return s.what
		}
	}
	return ""
}

// family returns the type of the record that an address has.
func family(ip netip.Addr) string {
	if ip.Is4() {
		return "A"
	}
	return "AAAA"
}
