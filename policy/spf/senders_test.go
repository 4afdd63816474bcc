package spf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
)

// TestSenders checks the ranges of those who may send.
func TestSenders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ record, ranges, open, gone string }{
		{"v=spf1 -all", "", "", ""},
		{"v=spf1 ip4:198.51.100.0/25 ip4:198.51.100.128/25 ip4:198.51.101.0 -all", "198.51.100.0-198.51.101.0", "", ""},
		{"v=spf1 ip4:198.51.100.9 ip4:198.51.100.7 -all", "198.51.100.7-198.51.100.7 198.51.100.9-198.51.100.9", "", ""},
		{"v=spf1 mx -all", "203.0.113.8-203.0.113.8 2a00::-2a00::ffff:ffff:ffff:ffff", "", ""},
		{"v=spf1 mx -ip6:2a00::1 -all", "203.0.113.8-203.0.113.8 2a00::-2a00::ffff:ffff:ffff:ffff", "", ""},
		{"v=spf1 -ip6:2a00::/48 mx -all", "203.0.113.8-203.0.113.8", "", ""},
		{"v=spf1 a ip6:2001:db8::/48 -all", "192.0.2.1-192.0.2.1 2001:db8::-2001:db8:0:ffff:ffff:ffff:ffff:ffff", "", ""},
		{"v=spf1 -ip4:192.0.2.0/31 ip4:192.0.2.0/30 ~all", "192.0.2.2-192.0.2.3", "", ""},
		{"v=spf1 ?ip4:192.0.2.0/24 -all", "", "", ""},
		{"v=spf1 include:in.test redirect=in.test", "198.51.100.1-198.51.100.1", "", ""},
		{"v=spf1 ip4:0.0.0.0/0 all", "0.0.0.0-255.255.255.255 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", ""},
		// what is not known
		{"v=spf1 exists:%{i}.a.test ptr ?ptr include:down.test a:down.test -all", "", "exists:%{i}.a.test ptr include:down.test a:down.test", ""},
		{"v=spf1 include:%{d}.test -exists:%{i}.a.test -all", "", "include:%{d}.test", ""},
		{"v=spf1 -all ptr", "", "", ""},
		// names to get hold of
		{"v=spf1 a:None.test mx:none.test exists:none2.test include:none3.test -all", "", "", "none.test none.test none2.test none3.test"},
		{"v=spf1 mx:mixed.test -all", "203.0.113.8-203.0.113.8 2a00::-2a00::ffff:ffff:ffff:ffff", "", "none.test"},
	} {
		z := newZone().txt("a.test", c.record).addr("a.test", "192.0.2.1").addr("a.test", "2001:db8::1").
			mx("a.test", 1, "mx.a.test").addr("mx.a.test", "203.0.113.8").addr("mx.a.test", "2a00::1").
			mx("mixed.test", 1, "mx.a.test").mx("mixed.test", 2, "none.test").
			txt("in.test", "v=spf1 ip4:198.51.100.1 -all").
			fault("down.test", dnscache.TXT, dnscache.ServFail).fault("down.test", dnscache.A, dnscache.ServFail)
		tree := Expand(t.Context(), z, "a.test", Options{Exchangers: true})
		s := tree.Senders()
		var ranges, gone []string
		for _, r := range append(s.IPv4, s.IPv6...) {
			ranges = append(ranges, r.First.String()+"-"+r.Last.String())
		}
		for _, b := range tree.Root.Terms {
			gone = append(gone, b.Gone...)
		}
		got := []string{strings.Join(ranges, " "), strings.Join(s.Open, " "), strings.Join(gone, " ")}
		if d := cmp.Diff([]string{c.ranges, c.open, c.gone}, got); d != "" {
			t.Errorf("%s: %s", c.record, d)
		}
	}
}

// TestSendersNumbers: the numbers are those of the ranges.
func TestSendersNumbers(t *testing.T) {
	t.Parallel()
	z := newZone().txt("a.test", "v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.1 ip6:2001:db8::/56 ip6:2001:db8:1::1 -all")
	s := Expand(t.Context(), z, "a.test", Options{}).Senders()
	if s.Addresses != 257 || s.Networks != 257 {
		t.Errorf("%v addresses, %v networks", s.Addresses, s.Networks)
	}
}

// TestHosts: hosts are the addresses that are named alone.
func TestHosts(t *testing.T) {
	t.Parallel()
	z := newZone().txt("a.test", "v=spf1 mx a ip4:198.51.100.0/24 ip4:192.0.2.1 -ip4:192.0.2.9 a:b.test/24 include:in.test -all ip4:192.0.2.8").
		addr("a.test", "192.0.2.1").mx("a.test", 1, "mx.a.test").addr("mx.a.test", "203.0.113.8").addr("mx.a.test", "2a00::1").
		addr("b.test", "192.0.2.3").txt("in.test", "v=spf1 ip6:2001:db8::1 -all")
	tree := Expand(t.Context(), z, "a.test", Options{Exchangers: true})
	var got []string
	for _, h := range tree.Hosts(9) {
		got = append(got, h.Addr.String()+" "+h.Term+" "+h.Domain)
	}
	want := []string{"203.0.113.8 mx a.test", "2a00::1 mx a.test", "192.0.2.1 a a.test", "2001:db8::1 ip6:2001:db8::1 in.test"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := len(tree.Hosts(2)); n != 2 {
		t.Errorf("%d hosts", n)
	}
}
