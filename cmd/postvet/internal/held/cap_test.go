package held

import (
	"fmt"
	"testing"
	"time"
)

// TestCap: a day's cap and a domain's, each told once a day, with counts that begin again
// at midnight of UTC.
func TestCap(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	c := NewCap(Limits{PerDay: 3, PerDomain: 2}, func() time.Time { return now })
	want := func(domain, over string, tell bool) {
		t.Helper()
		if gotOver, gotTell := c.Hold(domain); gotOver != over || gotTell != tell {
			t.Errorf("Hold(%q) = %q, %v; want %q, %v", domain, gotOver, gotTell, over, tell)
		}
	}
	want("a.example", "", false)
	want("a.example", "", false)
	want("a.example", KeyPerDomain, true)
	want("a.example", KeyPerDomain, false)
	want("b.example", "", false)
	want("c.example", KeyPerDay, true)
	want("a.example", KeyPerDay, false)
	if s := c.Stats(); s != (CapStats{Today: 3, OverDay: 2, OverDomain: 2}) {
		t.Errorf("%+v", s)
	}
	now = now.Add(time.Hour)
	if s := c.Stats(); s != (CapStats{OverDay: 2, OverDomain: 2}) {
		t.Errorf("on the next day %+v", s)
	}
	want("a.example", "", false)
	c.SetLimits(Limits{PerDay: 1})
	want("b.example", KeyPerDay, true)
	c.SetLimits(Limits{})
	want("b.example", "", false)
}

// TestCapIsBounded: names beyond the bound share a count, and not each is told.
func TestCapIsBounded(t *testing.T) {
	t.Parallel()
	c := NewCap(Limits{PerDomain: 1}, time.Now)
	told := 0
	for range 2 {
		for i := range maxDomains + 500 {
			if _, tell := c.Hold(fmt.Sprintf("d%d.example", i)); tell {
				told++
			}
		}
	}
	if len(c.domains) > maxDomains+1 || told > maxNotices || len(c.told) > maxNotices+1 {
		t.Errorf("%d domains, %d notices, %d told", len(c.domains), told, len(c.told))
	}
	if over, _ := c.Hold("another.example"); over != KeyPerDomain {
		t.Errorf("a name beyond the bound may be held: %q", over)
	}
}
