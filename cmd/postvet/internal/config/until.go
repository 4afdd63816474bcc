package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// until is the end of a setting: the setting has no effect from then on. The zero value
// is no end.
type until struct {
	text string // as it is written in a file
	end  time.Time
}

// untilKey is the key of an end, in rules and in tables that stand for an entry.
const untilKey = "until"

const untilRemedy = "write a date without quotes, such as 2026-12-31, or a date and time, such as 2026-12-31T18:00:00"

// readUntil reads a TOML value. A date lasts until the end of that day, and a date
// without an offset is one of the machine's time zone.
func readUntil(v any, zone *time.Location) (u until, problem, remedy string) {
	switch v := v.(type) {
	case toml.LocalDate:
		// The day after is looked up by the calendar: not every day has 24 hours.
		return until{v.String(), time.Date(v.Year, time.Month(v.Month), v.Day+1, 0, 0, 0, 0, zone)}, "", ""
	case toml.LocalDateTime:
		return until{v.String(), v.AsTime(zone)}, "", ""
	case time.Time:
		return until{v.Format(time.RFC3339Nano), v}, "", ""
	case toml.LocalTime:
		return until{}, "is a time without a date", untilRemedy
	}
	return until{}, "is " + describe(v), untilRemedy
}

// ending is a setting with an end, and its place.
type ending struct {
	until
	origin
	key  string
	what string // the entry of a list or the domain, "" if the key says it all
}

// endings returns all settings with an end, those of the shadow policy behind the
// others.
func (c *Config) endings() []ending {
	var all []ending
	for _, k := range c.keys() {
		e, ok := k.value.(*entriesValue)
		if !ok {
			continue
		}
		for _, entry := range e.field.entries {
			if !entry.end.IsZero() {
				all = append(all, ending{entry.until, entry.origin, k.name, cite(entry.text)})
			}
		}
	}
	for _, domain := range sortedKeys(c.AuthorOverrides) {
		if o := c.AuthorOverrides[domain]; !o.end.IsZero() {
			all = append(all, ending{o.until, o.origin, authorSection, cite(domain)})
		}
	}
	for _, r := range c.rules {
		if !r.until.end.IsZero() {
			all = append(all, ending{r.until, r.origin, ruleTable + " " + r.Name, ""})
		}
	}
	if c.shadow != nil {
		for _, e := range c.shadow.endings() {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all
}

// Expired returns the settings that have ended by now, in the form of faults.
func (c *Config) Expired(now time.Time) Errors {
	return c.endingBetween(time.Time{}, now, "has ended (until = %s) and has no effect", "remove it, or give it a later end")
}

// soon is how long before its end a setting is mentioned.
const soon = 14 * 24 * time.Hour

// EndingSoon returns the settings that end within two weeks, in the form of faults.
func (c *Config) EndingSoon(now time.Time) Errors {
	return c.endingBetween(now, now.Add(soon), "ends soon (until = %s)", "give it a later end if it is still needed")
}

// endingBetween returns the settings that end after the one time, and not after the
// other.
func (c *Config) endingBetween(after, last time.Time, problem, remedy string) Errors {
	var list Errors
	for _, e := range c.endings() {
		if !e.end.After(after) || e.end.After(last) {
			continue
		}
		said := fmt.Sprintf(problem, e.text)
		if e.what != "" {
			said = e.what + " " + said
		}
		list = append(list, &Error{File: e.file, Line: e.line, Key: e.key, Problem: said, Remedy: remedy})
	}
	return list
}

// placed notes where the entries of a list stand. lineOf returns the line of the entry
// with a number, counted from 0.
func (l *List) placed(file string, lineOf func(i int) int) {
	for i := range l.entries {
		l.entries[i].origin = origin{file: file, line: lineOf(i)}
	}
}

// entryName is the name under which the lines of a file have an entry of a list.
func entryName(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }
