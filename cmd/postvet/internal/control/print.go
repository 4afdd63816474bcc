package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// DescribeDNS makes of a resolver's counters what a status says; limit is what
// its cache may take in octets.
func DescribeDNS(s dnscache.Stats, limit int64) (DNS, Cache) {
	d := DNS{Degraded: s.Degraded, InFlight: s.InFlight, Upstreams: []Upstream{}}
	for _, u := range s.Upstreams {
		d.Upstreams = append(d.Upstreams, Upstream{
			Address: u.Addr, Queries: u.Queries, Failures: u.Failures, Timeouts: u.Timeouts,
			LatencyMS: float64(u.Latency.Microseconds()) / 1000, BackOff: u.BackOff,
		})
	}
	hits := s.Hits.Total()
	c := Cache{
		Entries: s.Entries, Bytes: s.Bytes, Limit: limit, Hits: hits, Lookups: hits + s.Misses + s.Joined,
		Stale: s.Stale, Evicted: s.Evicted,
	}
	if c.Lookups > 0 {
		c.HitRatio = float64(c.Hits) / float64(c.Lookups)
	}
	return d, c
}

// DescribeLevel says a log level in words.
func DescribeLevel(l LogLevel, now time.Time) string {
	switch {
	case l.Until != nil:
		return fmt.Sprintf("%s for %s, then %s again", l.Level, short(l.Until.Sub(now)), l.Configured)
	case l.Level != l.Configured:
		return fmt.Sprintf("%s; the configuration says %s", l.Level, l.Configured)
	}
	return l.Level
}

// label is how wide the words before each line are.
const label = 10

// Text is the status for a person, in lines of at most width columns; with less
// room, what matters less is left out.
func (s Status) Text(now time.Time, width int) string {
	var lines []string
	add := func(name, format string, args ...any) {
		text := format
		if len(args) > 0 {
			text = fmt.Sprintf(format, args...)
		}
		for i, part := range fold(text, width-label) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, fmt.Sprintf("%-*s%s", label, name, part))
		}
	}
	state := "serving"
	if s.Drain != nil {
		state = fmt.Sprintf("STOPPING: waits for %s in flight, %s at most", layout.Count(s.Sessions.Busy, "message"), short(s.Drain.Until.Sub(now)))
	}
	add("state", "%s, mode %s, as %s", state, s.Mode, s.AuthservID)
	add("version", "%s, pid %d, up %s", s.Postvet, s.PID, short(time.Duration(s.UptimeSeconds*float64(time.Second))))
	add("listens", "%s", strings.Join(s.Listeners, ", "))
	add("sessions", "%d open of %d, %d inside a message; %d since the start", s.Sessions.Open, s.Sessions.Limit, s.Sessions.Busy, s.Sessions.Total)
	lines = append(lines, s.table(width)...)
	if m := s.Messages; m.Aborted+m.Undelivered+m.Faults > 0 {
		add("besides", "%d ended without a verdict, %d verdicts not heard by the MTA, %d faults of ours", m.Aborted, m.Undelivered, m.Faults)
	}
	if m := s.Messages; m.Shadowed > 0 {
		add("shadow", "%s judged by the shadow rules too, which would have done something else with %d", layout.Count(m.Shadowed, "message"), m.ShadowDiffers)
	}
	dns := "works"
	if s.DNS.Degraded {
		dns = "IS DOWN: look-ups fail whatever is asked"
	}
	add("dns", "%s; %s under way", dns, layout.Count(s.DNS.InFlight, "question"))
	for _, u := range s.DNS.Upstreams {
		add("", "%s", u.text())
	}
	add("cache", "%s, %s of %s, %.1f%% hits of %s", layout.Count(s.Cache.Entries, "answer"), octets(s.Cache.Bytes), octets(s.Cache.Limit),
		100*s.Cache.HitRatio, layout.Count(int64(s.Cache.Lookups), "look-up"))
	add("config", "%s", s.Config.text(now))
	add("log", "%s", DescribeLevel(s.Log, now))
	return strings.Join(lines, "\n") + "\n"
}

// table are the messages: what became of them, in total and per minute.
func (s Status) table(width int) []string {
	type row struct {
		name  string
		total int64
		rates [3]float64
	}
	t, p := s.Messages.Total, s.Messages.PerMinute
	of := func(name string, total int64, rate func(Rate) float64) row {
		return row{name, total, [3]float64{rate(p.Last1), rate(p.Last5), rate(p.Last15)}}
	}
	rows := []row{
		of("accepted", t.Accept, func(r Rate) float64 { return r.Accept }),
		of("held", t.Quarantine, func(r Rate) float64 { return r.Quarantine }),
		of("rejected", t.Reject, func(r Rate) float64 { return r.Reject }),
		of("deferred", t.TempFail, func(r Rate) float64 { return r.TempFail }),
	}
	// These come of rules of the admin's own alone.
	if t.Redirect > 0 {
		rows = append(rows, of("redirected", t.Redirect, func(r Rate) float64 { return r.Redirect }))
	}
	if t.Discard > 0 {
		rows = append(rows, of("discarded", t.Discard, func(r Rate) float64 { return r.Discard }))
	}
	rows = append(rows, of("all", t.All(), Rate.All))
	const column = 10
	columns := min(max((width-label-10-2-column)/column, 0), 3)
	line := fmt.Sprintf("%-*s%-10s%*s", label, "messages", "", column, "total")
	for _, name := range []string{"1 min", "5 min", "15 min"}[:columns] {
		line += fmt.Sprintf("%*s", column, name)
	}
	if columns > 0 && width >= len(line)+len("  (per minute)") {
		line += "  (per minute)"
	}
	lines := []string{line}
	for _, r := range rows {
		line := fmt.Sprintf("%-*s%-10s%*d", label, "", r.name, column, r.total)
		for _, rate := range r.rates[:columns] {
			line += fmt.Sprintf("%*.1f", column, rate)
		}
		lines = append(lines, line)
	}
	return lines
}

func (u Upstream) text() string {
	if u.Queries == 0 {
		return u.Address + " not asked yet"
	}
	state := fmt.Sprintf("answers in %.1f ms", u.LatencyMS)
	if u.BackOff {
		state = "FAILS"
	}
	return fmt.Sprintf("%s %s; %d asked, %d failed (%d timed out)", u.Address, state, u.Queries, u.Failures, u.Timeouts)
}

func (c Config) text(now time.Time) string {
	text := "no file"
	if c.File != "" {
		text = c.File
	}
	text += ", loaded " + short(now.Sub(c.Loaded)) + " ago"
	if r := c.LastReload; r != nil && len(r.Errors) > 0 {
		text += fmt.Sprintf("; RELOAD REFUSED %s ago: %s", short(now.Sub(r.At)), foreign.Terminal(r.Errors[0], foreign.Whole))
		if more := len(r.Errors) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
	}
	if len(c.NeedsRestart) > 0 {
		text += "; a restart is needed for " + strings.Join(c.NeedsRestart, ", ")
	}
	return text
}

// fold breaks a text into lines of at most width columns. A word that is longer is
// cut.
func fold(s string, width int) []string {
	width = max(width, 20)
	words := strings.Fields(s)
	for i, word := range words {
		if r := []rune(word); len(r) > width {
			words[i] = string(r[:width-2]) + ".."
		}
	}
	return layout.Lines(strings.Join(words, " "), width, 0)
}

// short writes a duration with its two largest units.
func short(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}

func octets(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
}
