package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// maxEvents bounds the trace of one connection.
const maxEvents = 2000

// meter stands between the evaluators and the resolver of one connection: it
// counts look-ups, measures for how long any was under way, and keeps the trace.
type meter struct {
	resolver Resolver
	now      func() time.Time
	began    time.Time
	trace    bool

	mu     sync.Mutex
	cost   DNSCost
	waited time.Duration
	active int
	since  time.Time // when active rose from 0
	events []Event
}

func newMeter(r Resolver, now func() time.Time, trace bool) *meter {
	return &meter{resolver: r, now: now, trace: trace, began: now()}
}

// Lookup implements the evaluators' Resolver.
func (d *meter) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	start := d.now()
	d.mu.Lock()
	if d.active == 0 {
		d.since = start
	}
	d.active++
	d.mu.Unlock()
	a := d.resolver.Lookup(ctx, name, t)
	end := d.now()
	d.mu.Lock()
	d.active--
	if d.active == 0 {
		d.waited += end.Sub(d.since)
	}
	d.cost.Lookups++
	if a.Outcome.Temporary() {
		d.cost.Failed++
	}
	if d.trace {
		d.event(end, "dns", describeLookup(name, t, a, end.Sub(start)))
	}
	d.mu.Unlock()
	return a
}

// note adds a line to the trace.
func (d *meter) note(what, format string, args ...any) {
	if !d.trace {
		return
	}
	at := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.event(at, what, fmt.Sprintf(format, args...))
}

func (d *meter) event(at time.Time, what, text string) {
	if len(d.events) < maxEvents {
		ms := float64(at.Sub(d.began).Microseconds()) / 1000
		d.events = append(d.events, Event{AtMS: ms, What: what, Text: text})
	}
}

// snapshot returns what the look-ups have cost so far.
func (d *meter) snapshot() DNSCost {
	d.mu.Lock()
	defer d.mu.Unlock()
	waited := d.waited
	if d.active > 0 {
		waited += d.now().Sub(d.since)
	}
	c := d.cost
	c.WaitMS = float64(waited.Microseconds()) / 1000
	return c
}

func (c DNSCost) since(earlier DNSCost) DNSCost {
	c.Lookups -= earlier.Lookups
	c.Failed -= earlier.Failed
	c.WaitMS -= earlier.WaitMS
	return c
}

// timeline returns a copy of the trace.
func (d *meter) timeline() []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Event{}, d.events...)
}

func describeLookup(name string, t dnscache.Type, a *dnscache.Answer, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", t, printable(name, 255), a.Outcome)
	var values []string
	for _, s := range a.TXT {
		values = append(values, `"`+printable(s, 200)+`"`)
	}
	for _, ip := range a.Addrs {
		values = append(values, ip.String())
	}
	for _, m := range a.MX {
		values = append(values, fmt.Sprintf("%d %s", m.Preference, printable(m.Host, 255)))
	}
	for _, n := range a.Names {
		values = append(values, printable(n, 255))
	}
	const most = 8
	if n := len(values); n > most {
		values = append(values[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(values) > 0 {
		b.WriteString(" " + strings.Join(values, ", "))
	}
	if a.Err != nil && a.Outcome.Temporary() {
		b.WriteString(" (" + printable(a.Err.Error(), 200) + ")")
	}
	switch {
	case a.Stale:
		b.WriteString(" (stale, from the cache)")
	case a.Cached:
		b.WriteString(" (from the cache)")
	default:
		fmt.Fprintf(&b, " (%.1f ms)", float64(took.Microseconds())/1000)
	}
	return b.String()
}
