package held

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"
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

// TestCapRestore: what was held today before a start counts; what was held before today does not.
func TestCapRestore(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	c := NewCap(Limits{PerDay: 4, PerDomain: 2}, func() time.Time { return now })
	if over, _ := c.Hold("a.example"); over != "" {
		t.Fatal(over)
	}
	for at, want := range map[time.Time]bool{
		now.Add(-time.Hour):      true,
		now.Add(-13 * time.Hour): false,
		now.Add(24 * time.Hour):  false,
		time.Date(2026, 11, 29, 1, 0, 0, 0, time.FixedZone("", 2*3600)): false, // still the 28th in UTC
	} {
		if got := c.Restore("a.example", at); got != want {
			t.Errorf("%s: %t", at, got)
		}
	}
	if over, _ := c.Hold("a.example"); over != KeyPerDomain || c.Stats().Today != 2 {
		t.Errorf("%q after %+v", over, c.Stats())
	}
	for i := range maxDomains + 500 {
		c.Restore(fmt.Sprintf("d%d.example", i), now)
	}
	if over, _ := c.Hold("b.example"); over != KeyPerDay || len(c.domains) > maxDomains+1 {
		t.Errorf("%q with %d domains", over, len(c.domains))
	}
}

// TestCapKeepsNames: a domain is kept without the header that it is a part of.
func TestCapKeepsNames(t *testing.T) {
	t.Parallel()
	c := NewCap(Limits{}, time.Now)
	header := "From: ceo@bank.example, " + strings.Repeat("x", 1000)
	c.Hold(header[10:22])
	c.Restore(header[15:22], time.Now())
	for name := range c.domains {
		if at := strings.Index(header, name); at < 0 || unsafe.StringData(name) == unsafe.StringData(header[at:]) {
			t.Errorf("%q is a part of the header", name)
		}
	}
	if len(c.domains) != 2 {
		t.Errorf("%v", c.domains)
	}
}

// TestCapClock: a clock that is set begins a day, forward and backward, and a day that never
// comes blocks no other.
func TestCapClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	c := NewCap(Limits{PerDay: 1}, func() time.Time { return now })
	for _, at := range []time.Time{now, now.AddDate(300, 0, 0), now, time.Unix(0, 0), {}} {
		now = at
		if over, _ := c.Hold("a.example"); over != "" {
			t.Errorf("%s: %s", at, over)
		}
		if over, _ := c.Hold("a.example"); over != KeyPerDay {
			t.Errorf("%s: a second message is held", at)
		}
	}
}
