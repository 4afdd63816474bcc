package spf

import (
	"net/netip"
	"slices"
)

// Coverage is the share of clients that a record lets pass, as far as it does
// not depend on a message: terms with macros, and ptr, count as no match.
type Coverage struct {
	// IPv4 is the share of all addresses, from 0 to 1.
	IPv4 float64 `json:"ipv4"`
	// IPv6 is the share of the addresses that the registries have to give out
	// at present, about eight networks of /12 within 2000::/3.
	IPv6 float64 `json:"ipv6"`
}

// An a or mx term whose networks have longer prefixes covers so little that the
// addresses of its mail exchangers are not looked up.
const (
	wide4 = 16
	wide6 = 32
)

// clients is a set of client addresses. IPv6 addresses are counted by their first 64
// bits; small are the networks of 64 bits of which only a part is in the set.
type clients struct{ v4, v6, small spans }

// everybody holds all addresses.
var everybody = clients{v4: spans{{0, 1<<32 - 1}}, v6: spans{{0, 1<<64 - 1}}}

// clientsOf returns the addresses in networks.
func clientsOf(networks []netip.Prefix) (c clients) {
	for _, n := range networks {
		n = n.Masked()
		b := n.Addr().As16()
		if n.Addr().Is4() {
			first := uint64(b[12])<<24 | uint64(b[13])<<16 | uint64(b[14])<<8 | uint64(b[15])
			c.v4 = append(c.v4, span{first, first | (1<<(32-n.Bits()) - 1)})
			continue
		}
		var first uint64
		for _, octet := range b[:8] {
			first = first<<8 | uint64(octet)
		}
		if n.Bits() > 64 {
			c.small = append(c.small, span{first, first})
			continue
		}
		c.v6 = append(c.v6, span{first, first | (1<<(64-n.Bits()) - 1)})
	}
	return clients{c.v4.merged(), c.v6.merged(), c.small.merged()}
}

// with returns the clients of both sets.
func (c clients) with(o clients) clients {
	return clients{
		append(slices.Clone(c.v4), o.v4...).merged(),
		append(slices.Clone(c.v6), o.v6...).merged(),
		append(slices.Clone(c.small), o.small...).merged(),
	}
}

// without returns the clients of c that are not in o. A part of a small network takes
// nothing from it.
func (c clients) without(o clients) clients {
	return clients{c.v4.without(o.v4), c.v6.without(o.v6), c.small.without(o.v6)}
}

// coverage returns the shares of the address space.
func (c clients) coverage() Coverage {
	const (
		global = 1 << 61 // 2000::/3
		given  = 8 << 52 // eight times a /12
	)
	outside := spans{{0, global - 1}, {2 * global, 1<<64 - 1}}
	return Coverage{IPv4: c.v4.size() / (1 << 32), IPv6: min(1, c.v6.without(outside).size()/given)}
}

// span is a range of addresses, both ends included.
type span struct{ first, last uint64 }

// spans is a set of addresses. Once merged, its spans are sorted and neither
// overlap nor touch.
type spans []span

// merged returns the same addresses in merged form. It sorts s.
func (s spans) merged() spans {
	slices.SortFunc(s, func(a, b span) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	var m spans
	for _, next := range s {
		if n := len(m); n > 0 && (next.first <= m[n-1].last || next.first == m[n-1].last+1) {
			m[n-1].last = max(m[n-1].last, next.last)
		} else {
			m = append(m, next)
		}
	}
	return m
}

// without returns the addresses of s that are not in o. Both must be merged.
func (s spans) without(o spans) spans {
	var left spans
	for _, a := range s {
		for len(o) > 0 && o[0].last < a.first {
			o = o[1:]
		}
		rest, gone := a, false
		for _, b := range o {
			if b.first > a.last {
				break
			}
			if b.first > rest.first {
				left = append(left, span{rest.first, b.first - 1})
			}
			if gone = b.last >= a.last; gone {
				break
			}
			rest.first = b.last + 1
		}
		if !gone {
			left = append(left, rest)
		}
	}
	return left
}

// size returns the number of addresses.
func (s spans) size() (n float64) {
	for _, a := range s {
		n += float64(a.last-a.first) + 1
	}
	return n
}

// pass returns the clients that a record lets pass, and sets Pass of its terms.
func (n *Node) pass() (passed clients) {
	var matched clients // by the terms so far
	take := func(t *Term, m clients) {
		if t.Qualifier == "+" {
			passed = passed.with(m.without(matched))
		}
		matched = matched.with(m)
	}
	for i := 0; i < len(n.Terms); {
		b := &n.Terms[i]
		i++
		var m clients
		switch {
		case b.Unreachable || b.Term.Modifier != "":
			continue
		case b.Term.Mechanism == "all" || b.always:
			m = everybody
		case b.Child != nil:
			m = b.Child.pass()
		default:
			m = clientsOf(b.networks)
		}
		if b.Term.Qualifier == "+" {
			b.Pass = m.coverage()
		}
		// A record may have hundreds of consecutive networks, which are merged
		// once.
		var row []netip.Prefix
		for i < len(n.Terms) && n.Terms[i].isNetwork(b.Term.Qualifier) {
			next := &n.Terms[i]
			if next.Term.Qualifier == "+" {
				next.Pass = clientsOf(next.networks).coverage()
			}
			row = append(row, next.networks...)
			i++
		}
		take(&b.Term, m.with(clientsOf(row)))
	}
	for i := range n.Terms {
		if b := &n.Terms[i]; b.Term.Modifier == "redirect" && b.Child != nil && !b.Unreachable {
			m := b.Child.pass()
			b.Pass = m.coverage()
			passed = passed.with(m.without(matched))
		}
	}
	return passed
}

// isNetwork reports whether a branch is a network with the given qualifier.
func (b *Branch) isNetwork(qualifier string) bool {
	return b.Term.Qualifier == qualifier && !b.Unreachable && (b.Term.Mechanism == "ip4" || b.Term.Mechanism == "ip6")
}

// cover adds the networks that a term matches if its target has these
// addresses.
func (b *Branch) cover(addrs []netip.Addr) {
	for _, ip := range addrs {
		bits := b.Term.Prefix6
		if ip.Is4() {
			bits = b.Term.Prefix4
		}
		b.networks = append(b.networks, netip.PrefixFrom(ip, bits))
	}
}
