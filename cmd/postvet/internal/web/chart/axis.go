package chart

import (
	"strconv"
	"strings"
	"time"
)

// countAxis returns a round number that is not below the highest one, and the ticks from 0
// to it.
func countAxis(highest int64) (top int64, ticks []tick) {
	step := int64(1)
	for i := 0; step*4 < highest; i++ { // 1, 2, 5, 10, 20, 50, ...
		if i%3 == 1 {
			step = step / 2 * 5
		} else {
			step *= 2
		}
	}
	top = (highest + step - 1) / step * step
	for n := int64(0); n <= top; n += step {
		ticks = append(ticks, tick{short(100 - part(n, top)), rounded(n)})
	}
	return top, ticks
}

// shareAxis is countAxis for percent.
func shareAxis(highest float64) (top float64, ticks []tick) {
	n, ticks := countAxis(max(1, int64(highest+.999)))
	if n > 100 {
		n, ticks = countAxis(100)
	}
	for i := range ticks {
		ticks[i].Text += " %"
	}
	return float64(n), ticks
}

// maxTicks bounds the ticks of the time axis, so that their texts do not overlap on a narrow
// screen.
const maxTicks = 6

// timeAxis returns the ticks of the time axis, each in the middle of its point: whole hours
// or days of the zone, in equal steps.
func (s Step) timeAxis(times []time.Time, zone *time.Location) (ticks []tick) {
	all := s.marked(times, zone)
	for _, i := range all {
		at, format := times[i].In(s.zone(zone)), "15:04"
		switch {
		case times[all[len(all)-1]].Sub(times[all[0]]) > 365*24*time.Hour:
			format = "Jan 2006"
		case s.beginsDay(at):
			format = "2 Jan"
		}
		ticks = append(ticks, tick{short((float64(i) + .5) * 100 / float64(len(times))), at.Format(format)})
	}
	return ticks
}

// marked returns the points that have a tick.
func (s Step) marked(times []time.Time, zone *time.Location) (all []int) {
	hours := int(time.Duration(s) / time.Hour)
	for _, n := range []int{1, 2, 3, 6, 12} {
		if n < hours {
			continue
		}
		all = all[:0]
		for i, at := range times {
			if at.In(s.zone(zone)).Hour()%n < hours {
				all = append(all, i)
			}
		}
		if len(all) <= maxTicks {
			return all
		}
	}
	var days []int
	for i, at := range times {
		if s.beginsDay(at.In(s.zone(zone))) {
			days = append(days, i)
		}
	}
	every := 1
	for _, every = range []int{1, 2, 3, 5, 7, 14, 28, 91, 182, 364, 728} {
		if (len(days)+every-1)/every <= maxTicks {
			break
		}
	}
	all = all[:0]
	for i := (len(days) - 1) % every; i < len(days); i += every { // so that the last one has a tick
		all = append(all, days[i])
	}
	return all
}

// beginsDay reports whether a point is the first one of its day.
func (s Step) beginsDay(at time.Time) bool { return at.Hour() < int(time.Duration(s)/time.Hour) }

// part returns what a value is of the top, in percent.
func part(v, top int64) float64 { return float64(v) * 100 / float64(top) }

// short returns a number with at most two digits behind the point.
func short(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Grouped returns a number with thin spaces between its thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// rounded returns the round number of a tick with few letters.
func rounded(n int64) string {
	switch {
	case n >= 1e9:
		return short(float64(n)/1e9) + " G"
	case n >= 1e6:
		return short(float64(n)/1e6) + " M"
	case n >= 1e4:
		return short(float64(n)/1e3) + " k"
	}
	return Grouped(n)
}

// list returns words with commas, and "and" before the last one.
func list(words []string) string {
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return strings.Join(words, "")
}
