package spf

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCoverage checks the share for different ways to write a record.
func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		record     string
		ipv4, ipv6 float64
	}{
		{"v=spf1 -all", 0, 0},
		{"v=spf1 +all", 1, 1},
		{"v=spf1 ip4:0.0.0.0/0 -all", 1, 0},
		{"v=spf1 ip4:198.51.100.7/0", 1, 0},
		{"v=spf1 ip4:128.0.0.0/1 ip4:0.0.0.0/1 -all", 1, 0},
		{"v=spf1 ip4:64.0.0.0/2 ip4:0.0.0.0/2 -all", 0.5, 0},
		{"v=spf1 ip4:10.0.0.0/8 ip4:10.0.0.0/9 ip4:10.1.0.0/16 ~all", 1. / 256, 0},
		{"v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.9 -all", 257. / (1 << 32), 0},
		{"v=spf1 a/1 -all", 0.5, 0},
		{"v=spf1 a//0 -all", 1. / (1 << 32), 1},
		{"v=spf1 mx/0 -all", 1, 0},
		{"v=spf1 mx/1 a/1 -all", 1, 0},
		{"v=spf1 mx/16 -all", 0, 0}, // not looked up
		{"v=spf1 mx:none.test/0 -all", 0, 0},
		{"v=spf1 ip6:::/0 -all", 0, 1},
		{"v=spf1 ip6:2000::/3 -all", 0, 1},
		{"v=spf1 ip6:2a00::/12 -all", 0, 0.125},
		{"v=spf1 ip6:fe80::/10 ip6:2001:db8::1 -all", 0, 0},
		{"v=spf1 include:wide.test -all", 1, 0},
		{"v=spf1 redirect=wide.test", 1, 0},
		{"v=spf1 include:strict.test -all", 0.5, 1},
		{"v=spf1 exists:a.test -all", 1, 1},
		{"v=spf1 exists:none.test exists:%{i}.a.test a:%{d}/0 ptr -all", 0, 0},
		// terms that let nobody pass
		{"v=spf1 -ip4:0.0.0.0/1 ip4:0.0.0.0/0 -all", 0.5, 0},
		{"v=spf1 ?ip4:0.0.0.0/0 ~ip6:::/0", 0, 0},
		{"v=spf1 ?include:wide.test -all", 0, 0},
		{"v=spf1 -include:wide.test +all", 0, 1},
		{"v=spf1 -all ip4:0.0.0.0/0", 0, 0},
		{"v=spf1 ?all redirect=wide.test", 0, 0},
	} {
		z := newZone().txt("a.test", c.record).addr("a.test", "192.0.2.1").addr("a.test", "2001:db8::1").
			mx("a.test", 1, "mx.a.test").addr("mx.a.test", "8.8.8.8").
			txt("wide.test", "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all").
			txt("strict.test", "v=spf1 -ip4:0.0.0.0/1 ip4:0.0.0.0/2 ip4:128.0.0.0/2 all ip6:::/0").
			addr("mx.a.test", "2a00::1")
		tree := Expand(t.Context(), z, "a.test", Options{})
		if got := tree.Pass; got != (Coverage{c.ipv4, c.ipv6}) {
			t.Errorf("%s: %v", c.record, got)
		}
	}
}

// TestSpansProperty compares spans with sets of numbers.
func TestSpansProperty(t *testing.T) {
	t.Parallel()
	const most = 40
	draw := rapid.Custom(func(t *rapid.T) spans {
		var s spans
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			first := rapid.Uint64Range(0, most).Draw(t, "first")
			s = append(s, span{first, rapid.Uint64Range(first, most).Draw(t, "last")})
		}
		return s
	})
	has := func(s spans, n uint64) bool {
		return slices.ContainsFunc(s, func(a span) bool { return a.first <= n && n <= a.last })
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		merged := slices.Clone(a).merged()
		without := merged.without(slices.Clone(b).merged())
		size := 0.
		for n := range uint64(most + 2) {
			if has(merged, n) != has(a, n) || has(without, n) != (has(a, n) && !has(b, n)) {
				t.Fatalf("%d: merged %v, without %v", n, merged, without)
			}
			if has(a, n) {
				size++
			}
		}
		if merged.size() != size || !slices.IsSortedFunc(merged, func(x, y span) int { return int(x.first) - int(y.last) }) {
			t.Fatalf("%v", merged)
		}
	})
}
