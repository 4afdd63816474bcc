package held

import (
	"strings"
	"sync"
	"time"
)

const (
	// maxDomains bounds the domains that a cap counts one by one. Others share one count,
	// as senders choose names.
	maxDomains = 10_000
	// maxNotices bounds the domains of a day that are told.
	maxNotices = 100
)

// The keys of the caps.
const (
	KeyPerDay    = "policy.hold_per_day"
	KeyPerDomain = "policy.hold_per_domain"
)

// Limits are the most messages that are held on one day of UTC, of all domains and of one;
// 0 for no limit.
type Limits struct{ PerDay, PerDomain int }

// Cap bounds how much mail is held. It counts in memory, from midnight of UTC or the start
// of the process on; Restore adds what was held before. It is safe for concurrent use.
type Cap struct {
	now func() time.Time

	mu      sync.Mutex
	limits  Limits
	day     time.Time
	total   int
	domains map[string]int
	told    map[string]bool // what was told today; "" is the cap of the day
	stats   CapStats
}

// CapStats are counts of messages: those of today that were held, and all that were not
// held since a cap was reached.
type CapStats struct {
	Today               int
	OverDay, OverDomain uint64
}

// NewCap returns a cap. Now is the clock.
func NewCap(limits Limits, now func() time.Time) *Cap {
	return &Cap{now: now, limits: limits}
}

// SetLimits sets the limits. The counts stay.
func (c *Cap) SetLimits(limits Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = limits
}

// Hold counts a message that is to be held. It returns the key of the cap that is reached,
// "" if the message may be held, and whether that is to be told: once a day for each cap.
func (c *Cap) Hold(domain string) (over string, tell bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin()
	domain = c.counted(domain)
	switch l := c.limits; {
	case l.PerDay > 0 && c.total >= l.PerDay:
		c.stats.OverDay++
		return KeyPerDay, c.tell("day")
	case l.PerDomain > 0 && c.domains[domain] >= l.PerDomain:
		c.stats.OverDomain++
		return KeyPerDomain, len(c.told) < maxNotices && c.tell("domain "+domain)
	}
	c.total++
	c.domains[domain]++
	return "", false
}

// counted returns the name by which a domain is counted.
func (c *Cap) counted(domain string) string {
	if _, ok := c.domains[domain]; ok {
		return domain
	}
	if len(c.domains) >= maxDomains {
		return ""
	}
	return strings.Clone(domain) // a part of a header would keep all of it in memory
}

// Restore counts a message of a domain that was held at a time before the process began. It
// returns false if that was not today.
func (c *Cap) Restore(domain string, at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin()
	if !DayOf(at).Equal(c.day) {
		return false
	}
	c.total++
	c.domains[c.counted(domain)]++
	return true
}

// DayOf returns the beginning of the day for which the caps count a message of a time.
func DayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// begin begins a day, unless it has begun.
func (c *Cap) begin() {
	if day := DayOf(c.now()); !day.Equal(c.day) || c.domains == nil {
		c.day, c.total, c.domains, c.told = day, 0, map[string]int{}, map[string]bool{}
	}
}

// tell reports whether something is told for the first time today.
func (c *Cap) tell(what string) bool {
	before := c.told[what]
	c.told[what] = true
	return !before
}

// Stats returns the counts.
func (c *Cap) Stats() CapStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin()
	s := c.stats
	s.Today = c.total
	return s
}
