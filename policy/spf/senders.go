package spf

import (
	"encoding/binary"
	"net/netip"
)

// Range is a range of addresses, both ends included.
type Range struct{ First, Last netip.Addr }

// Senders are the clients that a record lets pass, with all that it includes. The
// ranges of each family are sorted, and neither overlap nor touch.
type Senders struct {
	IPv4 []Range
	// IPv6 has whole networks of 64 bits: one counts if a single address of it may send.
	IPv6 []Range
	// Addresses is the number of IPv4 addresses, Networks that of networks of 64 bits.
	// Both are exact below 2^53.
	Addresses, Networks float64
	// Open are the terms whose senders are not in the ranges: they depend on the
	// message or the client, or could not be looked up.
	Open []string
}

// Senders returns who may send by the record. Without [Options.Exchangers], the mail
// exchangers of mx terms are missing.
func (t *Tree) Senders() Senders {
	v6 := append(append(spans{}, t.passed.v6...), t.passed.small...).merged()
	s := Senders{Addresses: t.passed.v4.size(), Networks: v6.size()}
	for _, a := range t.passed.v4 {
		s.IPv4 = append(s.IPv4, Range{address4(a.first), address4(a.last)})
	}
	for _, a := range v6 {
		s.IPv6 = append(s.IPv6, Range{address6(a.first, 0), address6(a.last, 1<<64-1)})
	}
	s.Open = t.Root.open(nil)
	return s
}

// open adds the terms that may let more clients pass than the ranges have.
func (n *Node) open(list []string) []string {
	for i := range n.Terms {
		b := &n.Terms[i]
		t := &b.Term
		switch {
		case b.Unreachable || t.Mechanism != "" && t.Qualifier != "+" || t.Modifier != "" && t.Modifier != "redirect":
		case b.Child != nil && b.Child.Status == TempError:
			list = append(list, b.Text)
		case b.Child != nil:
			list = b.Child.open(list)
		case t.Mechanism == "ptr" || t.Counts() && t.Macros():
			list = append(list, b.Text)
		case b.unknown || t.Counts() && b.Problem != "" && !b.Void:
			list = append(list, b.Text)
		}
	}
	return list
}

func address4(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))))
}

func address6(high, low uint64) netip.Addr {
	return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, high), low)))
}

// Host is an address that a term names alone, as by ip4:192.0.2.1, a or mx.
type Host struct {
	Addr netip.Addr
	// Term is the text of the term, Domain that of the record it stands in.
	Term, Domain string
}

// Hosts returns at most n addresses that terms name one by one, each once, in the order of
// the record. Those of terms that let nobody pass are left out.
func (t *Tree) Hosts(n int) []Host {
	h := hosts{most: n, seen: map[netip.Addr]bool{}}
	h.add(t.Root)
	return h.list
}

// hosts collects the hosts of a tree.
type hosts struct {
	list []Host
	most int
	seen map[netip.Addr]bool
}

func (h *hosts) add(n *Node) {
	for i := range n.Terms {
		b := &n.Terms[i]
		if b.Unreachable || b.Term.Mechanism != "" && b.Term.Qualifier != "+" {
			continue
		}
		if b.Child != nil {
			h.add(b.Child)
		}
		for _, p := range b.networks {
			if !p.IsSingleIP() || h.seen[p.Addr()] {
				continue
			}
			if len(h.list) == h.most {
				return
			}
			h.seen[p.Addr()] = true
			h.list = append(h.list, Host{p.Addr(), b.Text, n.Domain})
		}
	}
}
