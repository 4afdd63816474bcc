package chart

import (
	"fmt"
	"time"
)

// Step is the time from one point of a drawing to the next: an hour, some hours that divide
// a day, or a day.
type Step time.Duration

// The usual steps.
const (
	Hour = Step(time.Hour)
	Day  = Step(24 * time.Hour)
)

// MarshalText implements [encoding.TextMarshaler].
func (s Step) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%dh", time.Duration(s)/time.Hour), nil
}

// zone returns where the times of a step are shown. A day is one of UTC, as the counts
// have it.
func (s Step) zone(zone *time.Location) *time.Location {
	if s >= Day || zone == nil {
		return time.UTC
	}
	return zone
}

// word returns the step as it stands behind "by".
func (s Step) word() string {
	switch {
	case s >= Day:
		return "day"
	case s > Hour:
		return fmt.Sprintf("%d hours", time.Duration(s)/time.Hour)
	}
	return "hour"
}

// each returns the step as it stands behind "each".
func (s Step) each() string {
	if s >= Day {
		return "day (UTC)"
	}
	return s.word()
}

// head returns the head of the column of times.
func (s Step) head() string {
	if s >= Day {
		return "day (UTC)"
	}
	return "from"
}

// name returns the name of a point.
func (s Step) name(at time.Time, zone *time.Location) string {
	if s >= Day {
		return at.UTC().Format("2 Jan 2006")
	}
	return at.In(s.zone(zone)).Format("2 Jan 15:04")
}
