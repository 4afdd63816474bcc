package patterns

import (
	"fmt"
	"net/netip"
	"testing"
)

// One who has an IPv6 /32, or any number of organizational domains below a domain of his (RFC
// 9989 section 4.10.2, psd=y), does not keep new domains of others from being learned.
func TestFloodLeavesRoom(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string]struct {
		domain string
		client func(i int) netip.Addr
		most   int
	}{
		"one /32": {"d%d.example", func(i int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i), 15: 1})
		}, maxNewOfWide},
		"one owner": {"d%d.evil.example", func(i int) netip.Addr {
			return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})
		}, maxNewBelow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l Learner
			for i := range 2 * maxNew {
				l.Learn(pass(fmt.Sprintf(flood.domain, i), flood.client(i).String(), true, true), nil)
			}
			l.Learn(pass("new.example", "2a00:1::1", true, true), nil)
			orgs := map[string]bool{}
			for _, r := range l.Take(today) {
				orgs[r.Org] = true
			}
			if !orgs["new.example"] || len(orgs) != flood.most+1 {
				t.Errorf("%d domains, the new one: %t", len(orgs), orgs["new.example"])
			}
		})
	}
}
