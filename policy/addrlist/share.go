package addrlist

import (
	"math"
	"net/netip"
)

// Share returns which part of the addresses of a prefix the list holds, from 0
// to 1, and the widest entry that contributes to it. The entry is invalid if
// the list holds none of them. Entries count whenever they end.
func (l *List) Share(of netip.Prefix) (share float64, widest netip.Prefix) {
	if l == nil || !of.IsValid() {
		return 0, netip.Prefix{}
	}
	of = of.Masked()
	// An entry differs from the one around it by its own size. Entries come
	// sorted, so that those around one are on the stack.
	type entry struct {
		netip.Prefix
		member bool
	}
	around := []entry{}
	if entryAbove, s, ok := l.prefixes.LookupPrefixLPM(of); ok {
		member := s.everMember()
		around = append(around, entry{entryAbove, member})
		if member {
			share, widest = 1, entryAbove
		}
	}
	for p, s := range l.prefixes.AllSorted() {
		member := s.everMember()
		if p.Bits() <= of.Bits() || !of.Contains(p.Addr()) {
			continue
		}
		for len(around) > 0 && !around[len(around)-1].Contains(p.Addr()) {
			around = around[:len(around)-1]
		}
		before := len(around) > 0 && around[len(around)-1].member
		around = append(around, entry{p, member})
		size := math.Ldexp(1, of.Bits()-p.Bits())
		switch {
		case member && !before:
			share += size
		case !member && before:
			share -= size
		}
		if member && (!widest.IsValid() || p.Bits() < widest.Bits()) {
			widest = p
		}
	}
	return share, widest
}

// Below calls yield for each suffix that an entry ".suffix" names, for names
// and for signers, until yield returns false. Entries count whenever they end.
func (l *List) Below(yield func(suffix string) bool) {
	if l == nil {
		return
	}
	for _, names := range []map[string]span{l.names, l.signers} {
		for name, s := range names {
			if s.everMember() && name[0] == '.' && !yield(name[1:]) {
				return
			}
		}
	}
}

// everMember reports whether the entry is a member at any time. An exception hides
// the member as long as it lasts.
func (s span) everMember() bool { return s.member > s.exception }

// Common returns the first prefix of addresses that two lists hold, in their order; an
// invalid one if they have none in common. Entries count whenever they end.
func (l *List) Common(other *List) netip.Prefix {
	if l == nil || other == nil {
		return netip.Prefix{}
	}
	holds := func(l *List, p netip.Prefix) bool {
		s, ok := l.prefixes.LookupPrefix(p)
		return ok && s.everMember()
	}
	var first netip.Prefix
	// Where both lists hold an address, the narrowest entry around it is held by both.
	for _, list := range []*List{l, other} {
		for p := range list.prefixes.AllSorted() {
			if holds(l, p) && holds(other, p) && (!first.IsValid() || p.Addr().Less(first.Addr())) {
				first = p
				break
			}
		}
	}
	return first
}
