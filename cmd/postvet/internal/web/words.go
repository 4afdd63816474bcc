package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// functions are those of the templates. What they return is text, which the template
// escapes; only a drawing is HTML, made by a template of its own.
var functions = template.FuncMap{
	"link":    func(p place, path string) string { return p.Base + path },
	"query":   query,
	"offer":   offer,
	"clean":   func(s string) string { return foreign.Terminal(s, 2000) },
	"short":   func(s string, n int) string { return foreign.Terminal(s, n) },
	"unicode": unicodeOf,
	"instant": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock":   clock,
	"day":     day,
	"moment":  func(p place, t time.Time) string { return t.In(p.Zone).Format("2 Jan 2006 15:04:05 MST") },
	"exact":   func(p place, t time.Time) string { return t.In(p.Zone).Format("2006-01-02 15:04:05 -0700") },
	"ago":     func(p place, t time.Time) string { return ago(p.Now.Sub(t)) },
	"span":    span,
	"number":  number,
	"count":   func(n any, noun string) string { return layout.Count(toInt(n), noun) },
	"share":   share,
	"decimal": func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
	"octets":  octets,
	"pair":    func(a ...any) []any { return a },
	"tone":    tone,

	"lines":        func(all []string) string { return strings.Join(all, "\n") },
	"cleanlines":   foreign.TerminalLines,
	"done":         func(a result.Action) string { return explain.Done(a) },
	"second":       func(p place, t time.Time) string { return t.In(p.Zone).Format(time.TimeOnly) },
	"dmarcResults": func() []string { return rows.DMARCResults },
	"hints":        func() []string { return hintWords },
	"likely":       func(w string) string { return explain.Likely(result.HintWord(w)) },
	"draw":         func(p place, d chart.Drawing) template.HTML { return d.HTML(p.Zone) },
	"segment":      func(path, name string) string { return path + "/" + url.PathEscape(name) },
	"isDomain": func(name string) bool {
		_, ok := message.NormalizeDomain(name)
		return ok && strings.Contains(name, ".")
	},
	"special": func(name string) bool { return name == counts.None || name == counts.Other },
}

// query returns a path with parameters, given as names and values in turn. A later value of a
// name replaces an earlier one, and empty values are left out.
func query(p place, path string, pairs ...any) string {
	v := url.Values{}
	pairs = p.Nodes.link(path, pairs)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if v.Set(name, value); value == "" {
			v.Del(name)
		}
	}
	if len(v) == 0 {
		return p.Base + path
	}
	return p.Base + path + "?" + v.Encode()
}

// unicodeOf returns the Unicode form of a domain name if it differs from the name; "" if it
// does not, or if it is not valid.
func unicodeOf(name string) string {
	if !strings.Contains(name, "xn--") {
		return ""
	}
	u, err := idna.Display.ToUnicode(name)
	if err != nil || u == name {
		return ""
	}
	return foreign.Terminal(u, 300)
}

// clock returns a time as a reader needs it: without the date if it is of today.
func clock(p place, t time.Time) string {
	t, now := t.In(p.Zone), p.Now.In(p.Zone)
	switch {
	case t.IsZero():
		return "never"
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format(time.TimeOnly)
	default:
		return day(p, t)
	}
}

// day returns a time with its day, also if that is today.
func day(p place, t time.Time) string {
	if t = t.In(p.Zone); t.Year() == p.Now.In(p.Zone).Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

// ago returns how long ago something was.
func ago(d time.Duration) string {
	if d < 2*time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

// span returns a duration in its largest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return layout.Count(int64(d/time.Second), "second")
	case d < 2*time.Hour:
		return layout.Count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return layout.Count(int64(d/time.Hour), "hour")
	default:
		return layout.Count(int64(d/(24*time.Hour)), "day")
	}
}

func toInt(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(min(n, 1<<62))
	default:
		return 0
	}
}

// number returns a number with thin spaces between its thousands.
func number(n any) string { return chart.Grouped(toInt(n)) }

// plain returns a number as it stands in a sentence, which may have foreign text too: such text
// is made harmless, and a thin space is among what that replaces.
func plain(n int64) string { return strconv.FormatInt(n, 10) }

// share returns a part of a whole in percent, "" without a whole.
func share(part, whole any) string {
	p, w := toInt(part), toInt(whole)
	switch {
	case w <= 0:
		return ""
	case p > 0 && p*1000 < w:
		return "< 0.1 %"
	default:
		return strconv.FormatFloat(float64(p)*100/float64(w), 'f', 1, 64) + " %"
	}
}

// octets returns a size.
func octets(n any) string {
	size, unit := float64(toInt(n)), 0
	units := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f B", size)
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}

// tones are the words that have a colour. Others are plain.
var tones = map[string]string{
	"pass": "good", "accept": "good", "accepted": "good", "ok": "good", "active": "good", "ready": "good", "genuine": "good",
	"fail": "bad", "reject": "bad", "refused": "bad", "error": "bad", "lost": "bad", "discard": "bad", "dropped": "bad",
	"softfail": "warn", "temperror": "warn", "permerror": "warn", "quarantine": "warn", "held": "warn", "warning": "warn", "redirect": "warn", "redirected": "warn",
}

// tone returns the class of a word's colour.
func tone(word any) string { return tones[fmt.Sprint(word)] }
