package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// DescribeLevel describes a log level in words.
func DescribeLevel(l LogLevel, now time.Time) string {
	switch {
	case l.Until != nil:
		return fmt.Sprintf("%s for %s, then %s again", l.Level, short(l.Until.Sub(now)), l.Configured)
	case l.Level != l.Configured:
		return fmt.Sprintf("%s; the configuration says %s", l.Level, l.Configured)
	}
	return l.Level
}

// label is the width of the word before each line.
const label = 10

// Text returns the status for a person, in lines of at most width columns. With
// less room it leaves out what matters less.
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
		add("besides", "%d ended without a verdict, %d verdicts not received by the MTA, %d faults of Postvet", m.Aborted, m.Undelivered, m.Faults)
	}
	if w := s.Messages.Would; w.All() > 0 {
		add("monitored", "%s accepted only because mail is monitored; otherwise %s", layout.Count(w.All(), "message"), w.text())
	}
	if m := s.Messages; m.Shadowed > 0 {
		add("shadow", "%s also checked against the shadow rules, which would have done something else with %d", layout.Count(m.Shadowed, "message"), m.ShadowDiffers)
	}
	dns, wrong := s.DNS.State()
	switch dns {
	case "down":
		dns = "IS DOWN"
	case "fails":
		dns = "FAILS"
	}
	if wrong != "" {
		dns += ": " + wrong
	}
	add("dns", "%s; %s under way", dns, layout.Count(s.DNS.InFlight, "question"))
	for _, u := range s.DNS.Upstreams {
		add("", "%s", u.text())
	}
	add("cache", "%s, %s of %s, %.1f%% hits of %s", layout.Count(s.Cache.Entries, "answer"), octets(s.Cache.Bytes), octets(s.Cache.Limit),
		100*s.Cache.HitRatio, layout.Count(int64(s.Cache.Lookups), "lookup"))
	if s.Keys != nil {
		add("keys", "%s", s.Keys.text(now))
	}
	if s.Watch != nil {
		add("watch", "%s", s.Watch.text(now))
	}
	if s.Patterns != nil {
		add("learned", "%s", s.Patterns.text())
	}
	if s.Journal != nil {
		add("journal", "%s", s.Journal.text())
	}
	add("config", "%s", s.Config.text(now))
	add("log", "%s", DescribeLevel(s.Log, now))
	return strings.Join(lines, "\n") + "\n"
}

// column is the width of a column of numbers.
const column = 10

// table returns the lines about messages: how many there were of each action, in
// total and per minute.
func (s Status) table(width int) []string {
	totals, rates := s.Messages.Total, []Rate{s.Messages.PerMinute.Last1, s.Messages.PerMinute.Last5, s.Messages.PerMinute.Last15}
	columns := min(max((width-label-10-2-column)/column, 0), len(rates))
	rates = rates[:columns]

	head := fmt.Sprintf("%-*s%-10s%*s", label, "messages", "", column, "total")
	for _, window := range []string{"1 min", "5 min", "15 min"}[:columns] {
		head += fmt.Sprintf("%*s", column, window)
	}
	if columns > 0 && width >= len(head)+len("  (per minute)") {
		head += "  (per minute)"
	}
	lines := []string{head}
	row := func(name string, total int64, rate func(Rate) float64) {
		line := fmt.Sprintf("%-*s%-10s%*d", label, "", name, column, total)
		for _, r := range rates {
			line += fmt.Sprintf("%*.1f", column, rate(r))
		}
		lines = append(lines, line)
	}
	row("accepted", totals.Accept, func(r Rate) float64 { return r.Accept })
	row("held", totals.Quarantine, func(r Rate) float64 { return r.Quarantine })
	row("rejected", totals.Reject, func(r Rate) float64 { return r.Reject })
	row("deferred", totals.TempFail, func(r Rate) float64 { return r.TempFail })
	// Only rules of the administrator redirect or discard messages.
	if totals.Redirect > 0 {
		row("redirected", totals.Redirect, func(r Rate) float64 { return r.Redirect })
	}
	if totals.Discard > 0 {
		row("discarded", totals.Discard, func(r Rate) float64 { return r.Discard })
	}
	row("all", totals.All(), Rate.All)
	return lines
}

// text returns the numbers that are not zero, in words.
func (b ByAction[T]) text() string {
	var parts []string
	for _, p := range []struct {
		n    T
		word string
	}{
		{b.Accept, "accepted"},
		{b.Quarantine, "held"},
		{b.Reject, "rejected"},
		{b.TempFail, "deferred"},
		{b.Redirect, "redirected"},
		{b.Discard, "discarded"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%v %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

func (u Upstream) text() string {
	if u.Queries == 0 && u.Certificate == "" {
		return u.Address + " not asked yet"
	}
	state := fmt.Sprintf("answers in %.1f ms", u.LatencyMS)
	if u.BackOff {
		state = "FAILS"
	}
	text := fmt.Sprintf("%s %s; %d asked, %d failed (%d timed out)", u.Address, state, u.Queries, u.Failures, u.Timeouts)
	if u.Retransmitted > 0 {
		text += fmt.Sprintf("; %d sent again, now after %.0f ms, %d of them lost", u.Retransmitted, u.RetransmitAfterMS, u.Lost)
	}
	if u.Refused > 0 {
		text += fmt.Sprintf("; %d refused", u.Refused)
	}
	if u.ConcurrencyLimit > 0 || u.Waited > 0 {
		text += fmt.Sprintf("; %d under way, %s, %d waited for that", u.InFlight, u.limit(), u.Waited)
	}
	if u.StreamQueries > 0 {
		text += fmt.Sprintf("; %d over TCP or TLS, %d of them on a second connection, %d connections open of at most %d", u.StreamQueries, u.Resent, u.OpenConnections, u.MostConnections)
	}
	if u.WithoutEDNS {
		text += "; asked without EDNS, which it does not take"
	}
	if u.WithoutRandomCase {
		text += "; changes the case of names"
	}
	if u.Certificate != "" {
		text += "; NOT ASKED: " + foreign.Terminal(u.Certificate, foreign.Whole)
	}
	return text
}

// limit returns how many queries the resolver gets at a time.
func (u Upstream) limit() string {
	if u.ConcurrencyLimit == 0 {
		return "without a limit now"
	}
	return fmt.Sprintf("at most %d because of its quota", u.ConcurrencyLimit)
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
	if c.Expired > 0 {
		text += fmt.Sprintf("; %d expired (until)", c.Expired)
	}
	return text
}

// fold breaks a text into lines of at most width columns. It cuts longer words.
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

// short returns a duration with its two largest units.
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
