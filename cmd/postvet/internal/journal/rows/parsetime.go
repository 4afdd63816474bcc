package rows

import (
	"fmt"
	"time"
)

// ParseTime parses a time as a person writes it: a duration before now with d for days, a
// day, or a time of a day in a zone. "" is the zero time.
func ParseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	var days int
	if n, err := fmt.Sscanf(s+" ", "%dd ", &days); n == 1 && err == nil && fmt.Sprintf("%dd", days) == s && days >= 0 && days < 10_000 {
		return now.Add(-time.Duration(days) * 24 * time.Hour), nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write one such as 2d, 3h, 2026-11-29 or 2026-11-29T10:00", s)
}
