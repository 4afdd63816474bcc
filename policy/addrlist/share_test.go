package addrlist_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/postvet/postvet/policy/addrlist"
)

func TestShare(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		of, list string
		share    float64
		widest   string
	}{
		{"0.0.0.0/0", "", 0, ""},
		{"0.0.0.0/0", "0.0.0.0/0", 1, "0.0.0.0/0"},
		{"0.0.0.0/0", "0.0.0.0/1, 128.0.0.0/1", 1, "0.0.0.0/1"},
		{"0.0.0.0/0", "0.0.0.0/1\n0.0.0.0/2\n64.0.0.0/2", 0.5, "0.0.0.0/1"},
		{"0.0.0.0/0", "0.0.0.0/0, !128.0.0.0/1, 192.0.0.0/2", 0.75, "0.0.0.0/0"},
		{"0.0.0.0/0", "!0.0.0.0/0", 0, ""},
		{"10.0.0.0/8", "0.0.0.0/0, !10.0.0.0/9", 0.5, "0.0.0.0/0"},
		{"10.0.0.0/8", "!10.0.0.0/8, 10.64.0.0/10", 0.25, "10.64.0.0/10"},
		{"10.0.0.0/8", "192.0.2.0/24, ::/0", 0, ""},
		{"2000::/3", "::/0", 1, "::/0"},
		{"2000::/3", "2000::/4, !2000::/5", 0.25, "2000::/4"},
	} {
		share, widest := parse(t, tc.list).Share(netip.MustParsePrefix(tc.of))
		if math.Abs(share-tc.share) > 1e-9 || (tc.widest == "") == widest.IsValid() || tc.widest != "" && widest.String() != tc.widest {
			t.Errorf("%s of %q: %v by %v, want %v by %q", tc.of, tc.list, share, widest, tc.share, tc.widest)
		}
	}
	if share, _ := (*addrlist.List)(nil).Share(netip.MustParsePrefix("::/0")); share != 0 {
		t.Errorf("a nil list holds %v", share)
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	got := slices.Sorted(parse(t, "a.example\n.b.example\n*.c.example\n!.d.example\ndkim:.e.example\n192.0.2.0/24").Below)
	if want := []string{"b.example", "c.example", "e.example"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
