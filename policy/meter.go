package policy

import (
	"context"
	"errors"
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
	room     chan struct{}

	mu     sync.Mutex
	cost   DNSCost
	waited time.Duration
	active int
	since  time.Time // when active rose from 0
	events []Event
}

// maxConcurrent bounds the look-ups that one connection has under way: a message
// full of signatures must not take the DNS away from all others. DMARC's look-ups
// of the author do not wait for it.
const maxConcurrent = 24

func newMeter(r Resolver, now func() time.Time, trace bool) *meter {
	return &meter{resolver: r, now: now, trace: trace, began: now(), room: make(chan struct{}, maxConcurrent)}
}

// Lookup implements the evaluators' Resolver.
func (d *meter) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	select {
	case d.room <- struct{}{}:
		defer func() { <-d.room }()
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	return d.ask(ctx, name, t)
}

// first is the meter for look-ups that do not wait for the connection's others.
type first struct{ *meter }

func (f first) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return f.ask(dnscache.Urgent(ctx), name, t)
}

// Known tells the evaluators what the resolver knows without asking, if it is a
// dnscache.Memory. It costs no wait, but counts as a look-up. A trace wants to
// see each of them, so there it knows nothing.
func (d *meter) Known(name string, t dnscache.Type) *dnscache.Answer {
	m, ok := d.resolver.(dnscache.Memory)
	if !ok || d.trace {
		return nil
	}
	a := m.Known(name, t)
	if a != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.cost.Lookups++
		if a.Outcome.Temporary() {
			d.cost.Failed++
		}
	}
	return a
}

var errNoAnswer = errors.New("policy: the resolver gave no answer")

func (d *meter) ask(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	start := d.now()
	d.enter(start)
	var a *dnscache.Answer
	// Also if the resolver panics.
	defer func() { d.leave(d.now(), a) }()
	if a = d.resolver.Lookup(ctx, name, t); a == nil {
		a = &dnscache.Answer{Outcome: dnscache.ServFail, Err: errNoAnswer}
	}
	if d.trace {
		d.note("dns", "%s", describeLookup(name, t, a, d.now().Sub(start)))
	}
	return a
}

func (d *meter) enter(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active == 0 {
		d.since = now
	}
	d.active++
}

func (d *meter) leave(now time.Time, a *dnscache.Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active--; d.active == 0 {
		d.waited += now.Sub(d.since)
	}
	d.cost.Lookups++
	if a == nil || a.Outcome.Temporary() {
		d.cost.Failed++
	}
}

// note adds a line to the trace.
func (d *meter) note(what, format string, args ...any) {
	if !d.trace {
		return
	}
	at, text := d.now(), fmt.Sprintf(format, args...)
	d.mu.Lock()
	defer d.mu.Unlock()
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

// begin starts the account of a further message of the connection: it returns
// the cost so far, and forgets the trace.
func (d *meter) begin() DNSCost {
	d.mu.Lock()
	d.events = nil
	d.mu.Unlock()
	return d.snapshot()
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
