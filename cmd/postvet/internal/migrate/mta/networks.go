package mta

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// networks are hosts that an MTA relays for because of their addresses.
type networks struct {
	prefixes []netip.Prefix
	// unknown are entries that stand for addresses that are not known: tables of
	// other kinds, and files that cannot be read.
	unknown []string
}

// maxNetworks bounds the entries that are looked at.
const maxNetworks = 1000

// add adds the entries of a list of Postfix (postconf(5), mynetworks). Files and tables
// of the kind cidr are read, with names relative to dir.
func (n *networks) add(list, dir string) {
	for _, e := range words(list) {
		kind, name, isTable := strings.Cut(e, ":")
		switch prefix, ok := parseNetwork(e); {
		case len(n.prefixes)+len(n.unknown) >= maxNetworks:
			return
		case ok:
			n.prefixes = append(n.prefixes, prefix)
		case strings.HasPrefix(e, "!"):
			// An exception makes the list smaller; what is left is still worth a line.
		case strings.HasPrefix(e, "/"):
			n.addFile(e, e, dir, false)
		case isTable && kind == "cidr":
			n.addFile(e, name, dir, true)
		default:
			n.unknown = append(n.unknown, e)
		}
	}
}

// addFile adds the entries of a file: a list, or a table whose lines begin with a
// network.
func (n *networks) addFile(entry, name, dir string, table bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	text, err := ReadText(name)
	if err != nil {
		n.unknown = append(n.unknown, entry)
		return
	}
	for _, l := range logicalLines(text) {
		list := words(l.text)
		if table && len(list) > 1 {
			if strings.EqualFold(list[1], "reject") {
				continue
			}
			list = list[:1]
		}
		for _, one := range list {
			if len(n.prefixes) >= maxNetworks || strings.HasPrefix(one, "#") {
				break
			}
			if prefix, ok := parseNetwork(one); ok {
				n.prefixes = append(n.prefixes, prefix)
			}
		}
	}
}

// parseNetwork reads an address or a network. IPv6 may stand in brackets, and IPv4 in
// the form of IPv6 is IPv4.
func parseNetwork(s string) (netip.Prefix, bool) {
	s = strings.NewReplacer("[", "", "]", "").Replace(s)
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	const mapped = 96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), true
}

// octets returns the network of an address of IPv4 that is cut at a dot, as Sendmail's
// access table has them: "192.0.2" for 192.0.2.0/24.
func octets(s string) (netip.Prefix, bool) {
	parts := strings.Split(strings.TrimSuffix(s, "."), ".")
	const whole = 4
	if len(parts) >= whole {
		return netip.Prefix{}, false
	}
	a, err := netip.ParseAddr(strings.Join(append(parts, slices.Repeat([]string{"0"}, whole-len(parts))...), "."))
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, 8*len(parts)), true
}

// String returns a network as a list of addresses has it: without the length of one
// address.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
