package iprev

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// reverseName returns the name that holds an address's PTR records: octets
// under in-addr.arpa (RFC 1035 section 3.5), nibbles under ip6.arpa (RFC 3596
// section 2.5).
func reverseName(ip netip.Addr) string {
	b := ip.AsSlice()
	slices.Reverse(b)
	var name strings.Builder
	if ip.Is4() {
		for _, octet := range b {
			name.WriteString(strconv.Itoa(int(octet)) + ".")
		}
		return name.String() + "in-addr.arpa"
	}
	const hex = "0123456789abcdef"
	for _, octet := range b {
		name.Write([]byte{hex[octet&15], '.', hex[octet>>4], '.'})
	}
	return name.String() + "ip6.arpa"
}

// usable returns the first ten different names that can be looked up and shown:
// whoever has the reverse zone may write any bytes into it.
func usable(names []string) []string {
	var good []string
	for _, n := range names {
		if strings.ContainsFunc(n, func(r rune) bool { return r >= 0x80 }) {
			continue // NormalizeDomain would make A-labels of it
		}
		n, ok := message.NormalizeDomain(n)
		if !ok || slices.Contains(good, n) {
			continue
		}
		if good = append(good, n); len(good) == maxNames {
			break
		}
	}
	return good
}
