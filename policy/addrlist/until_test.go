package addrlist_test

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/addrlist"
)

var noon = time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)

func TestUntil(t *testing.T) {
	t.Parallel()
	var b addrlist.Builder
	for _, e := range []struct {
		entry string
		end   time.Time
	}{
		{"192.0.2.0/24", time.Time{}},
		{"!192.0.2.7", noon},
		{"198.51.100.1", noon},
		{"mx.example.org", noon},
		{".example.net", time.Time{}},
		{".example.net", noon}, // stays, as the same entry has no end
		{"dkim:example.com", noon},
	} {
		b.Until(e.end)
		if err := b.Add(e.entry, every); err != nil {
			t.Fatal(err)
		}
	}
	l := b.List()
	type answers struct{ excepted, address, name, always, signer bool }
	ask := func(l *addrlist.List) answers {
		return answers{
			l.Address(netip.MustParseAddr("192.0.2.7")), l.Address(netip.MustParseAddr("198.51.100.1")),
			l.Name("mx.example.org"), l.Name("a.example.net"), l.Signer("example.com"),
		}
	}
	for name, tc := range map[string]struct {
		list *addrlist.List
		want answers
	}{
		"a second before": {l.At(noon.Add(-time.Second)), answers{false, true, true, true, true}},
		"at the end":      {l.At(noon), answers{true, false, false, true, false}},
		"years later":     {l.At(noon.AddDate(80, 0, 0)), answers{true, false, false, true, false}},
		"without a time":  {l, answers{true, false, false, true, false}},
	} {
		if got := ask(tc.list); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	if l.Len() != 6 {
		t.Errorf("%d entries", l.Len())
	}
	if before := l.At(noon.Add(-time.Second)); !before.HasNames() || !before.HasSigners() {
		t.Error("no names or signers before the end")
	}
	if after := l.At(noon); !after.HasNames() || after.HasSigners() { // .example.net has no end
		t.Error("names gone or signers left at the end")
	}
	var none *addrlist.List
	if none.At(noon) != nil {
		t.Error("no list has become one")
	}
}

// TestUntilLeavesOut compares a list at a time with one that never had the entries that
// have ended by then.
func TestUntilLeavesOut(t *testing.T) {
	t.Parallel()
	texts := []string{
		"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "2001:db8::/32", "2001:db8::1",
		"example.org", ".example.org", "a.example.org", ".a.example.org", "dkim:example.org", "dkim:.example.org",
	}
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(1, 9).Draw(t, "now")
		var dated, plain addrlist.Builder
		for range rapid.IntRange(0, 12).Draw(t, "entries") {
			entry := rapid.SampledFrom([]string{"", "!"}).Draw(t, "sign") + rapid.SampledFrom(texts).Draw(t, "entry")
			end := rapid.Int64Range(0, 9).Draw(t, "end") // 0 for none
			dated.Until(time.Time{})
			if end > 0 {
				dated.Until(time.Unix(end, 0))
			}
			if err := dated.Add(entry, every); err != nil {
				t.Fatal(err)
			}
			if end == 0 || end > now {
				if err := plain.Add(entry, every); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, want := dated.List().At(time.Unix(now, 0)), plain.List()
		if got.HasNames() != want.HasNames() || got.HasSigners() != want.HasSigners() {
			t.Errorf("has names %v, signers %v", got.HasNames(), got.HasSigners())
		}
		for _, a := range []string{"10.1.2.3", "10.1.2.4", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db8::2"} {
			if ip := netip.MustParseAddr(a); got.Address(ip) != want.Address(ip) {
				t.Errorf("address %s: %v, want %v", a, got.Address(ip), want.Address(ip))
			}
		}
		for _, n := range []string{"example.org", "a.example.org", "b.a.example.org", "b.example.org", "example.net"} {
			if got.Name(n) != want.Name(n) || got.Signer(n) != want.Signer(n) {
				t.Errorf("%s: name %v signer %v, want %v %v", n, got.Name(n), got.Signer(n), want.Name(n), want.Signer(n))
			}
		}
	})
}

func TestDifference(t *testing.T) {
	t.Parallel()
	list := func(entries ...string) *addrlist.List {
		l, err := addrlist.New(every, entries...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, tc := range map[string]struct {
		before, after  *addrlist.List
		added, removed int
	}{
		"the same in another order": {list("192.0.2.1", "a.example"), list("a.example", "192.0.2.1"), 0, 0},
		"from nothing":              {nil, list("192.0.2.1", "a.example", "dkim:a.example"), 3, 0},
		"to nothing":                {list("192.0.2.0/24", ".a.example"), nil, 0, 2},
		"one for another":           {list("192.0.2.1", "dkim:a.example"), list("192.0.2.2", "dkim:b.example"), 2, 2},
		"an exception of it":        {list("a.example"), list("!a.example"), 1, 1},
	} {
		if added, removed := tc.after.Difference(tc.before); added != tc.added || removed != tc.removed {
			t.Errorf("%s: %d added, %d removed, want %d and %d", name, added, removed, tc.added, tc.removed)
		}
	}
}
