package counts

import (
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Forget counts the messages of a domain, and of those below it, under [Other].
func (c *Counter) Forget(domain string) {
	for _, h := range c.hours {
		if h.forget(domain) {
			h.changed, h.lost = true, true // a part has no names that are gone
		}
	}
}

// Forget is [Counter.Forget] for an hour, and returns all of it as a part; false if the hour
// does not have the domain.
func (h *Hour) Forget(domain string) (p Part, ok bool) {
	if !h.hour.forget(domain) {
		return p, false
	}
	return Part{At: time.Unix(h.hour.at, 0).UTC(), Whole: true, Octets: h.hour.appendPart(nil, true)}, true
}

func (h *hour) forget(domain string) bool {
	names := h.names[Domain].rename(Other, func(name string) string {
		if rows.Within(name, domain) {
			return Other
		}
		return name
	})
	facts := h.facts.rename(otherFacts, func(name string) string {
		org, rest, ok := strings.Cut(name, "\x00")
		if ok && rows.Within(org, domain) {
			return Other + "\x00" + rest
		}
		return name
	})
	return names || facts
}

// rename gives names others, and reports whether one has changed. Those beyond the bound are
// added to other.
func (t *table) rename(other string, f func(name string) string) bool {
	renamed := table{all: make([]tally, len(t.all))}
	any := false
	for i := range t.all {
		renamed.all[i] = t.all[i]
		if to := f(t.all[i].name); to != t.all[i].name {
			renamed.all[i].name, any = to, true
		}
	}
	if any {
		*t = table{}
		t.merge(&renamed, other)
	}
	return any
}
