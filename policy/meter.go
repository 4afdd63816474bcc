package policy

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"

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
	cost   result.DNSCost
	waited time.Duration
	active int
	since  time.Time // when active rose from 0
	events []result.Event
	// recall is that of the evaluation that the cache alone served last, and
	// recalled the share of cost that is for it.
	recall   *dnscache.Recall
	recalled result.DNSCost
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
	return d.inTurn(ctx, "", name, t)
}

// inTurn asks when there is room among the connection's lookups.
func (d *meter) inTurn(ctx context.Context, check, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return d.cached(ctx, recall, name, t)
	}
	select {
	case d.room <- struct{}{}:
		defer func() { <-d.room }()
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	return d.ask(ctx, check, name, t)
}

// first is the meter for look-ups that do not wait for the connection's others.
type first struct{ *meter }

func (f first) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return f.cached(ctx, recall, name, t)
	}
	return f.ask(dnscache.Urgent(ctx), result.CheckDMARC, name, t)
}

// asker is the meter for one check, so that the trace can tell who asked.
type asker struct {
	*meter
	check string
}

func (a *asker) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return a.inTurn(ctx, a.check, name, t)
}

// of returns the resolver for a check. Without a trace it is the meter itself.
func (d *meter) of(check string) Resolver {
	if !d.trace {
		return d
	}
	return &asker{meter: d, check: check}
}

// cached looks up what the cache alone can answer. That costs no wait, but counts
// as a lookup, unless the evaluation misses something: it then begins anew and
// looks everything up again. A trace shows every lookup, so with a trace nothing
// is in the cache.
func (d *meter) cached(ctx context.Context, recall *dnscache.Recall, name string, t dnscache.Type) *dnscache.Answer {
	if d.trace || recall.Missed() {
		return recall.Miss()
	}
	a := d.resolver.Lookup(ctx, name, t)
	if a == nil {
		a = &dnscache.Answer{Outcome: dnscache.ServFail, Err: errNoAnswer}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recall != recall {
		d.recall, d.recalled = recall, result.DNSCost{}
	}
	if recall.Missed() {
		d.cost.Lookups -= d.recalled.Lookups
		d.cost.Failed -= d.recalled.Failed
		d.recalled = result.DNSCost{}
		return a
	}
	d.cost.Lookups++
	d.recalled.Lookups++
	if a.Outcome.Temporary() {
		d.cost.Failed++
		d.recalled.Failed++
	}
	return a
}

var errNoAnswer = errors.New("policy: the resolver gave no answer")

func (d *meter) ask(ctx context.Context, check, name string, t dnscache.Type) *dnscache.Answer {
	start := d.now()
	d.enter(start)
	var a *dnscache.Answer
	// Also if the resolver panics.
	defer func() { d.leave(d.now(), (a == nil || a.Outcome.Temporary()) && !unneeded(ctx)) }()
	if a = d.resolver.Lookup(ctx, name, t); a == nil {
		a = &dnscache.Answer{Outcome: dnscache.ServFail, Err: errNoAnswer}
	}
	if d.trace {
		d.record(result.Event{What: "dns", Check: check, Text: explain.Lookup(name, t, a, d.now().Sub(start))})
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

func (d *meter) leave(now time.Time, failed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active--; d.active == 0 {
		d.waited += now.Sub(d.since)
	}
	d.cost.Lookups++
	if failed {
		d.cost.Failed++
	}
}

// errLate is why look-ups are given up whose answers would have been needed.
var errLate = errors.New("policy: not finished in time")

// unneeded reports whether a look-up was given up because its answer no longer
// counts: a check that has found what it looked for ends its other look-ups.
// Those that ran out of time failed.
func unneeded(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.Canceled) }

// record adds to the trace. Whoever calls it has seen that one is kept.
func (d *meter) record(events ...result.Event) {
	at := float64(d.now().Sub(d.began).Microseconds()) / 1000
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		if len(d.events) < maxEvents {
			e.AtMS = at
			d.events = append(d.events, e)
		}
	}
}

// snapshot returns what the look-ups have cost so far.
func (d *meter) snapshot() result.DNSCost {
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
func (d *meter) begin() result.DNSCost {
	d.mu.Lock()
	d.events = nil
	d.mu.Unlock()
	return d.snapshot()
}

func costSince(c, earlier result.DNSCost) result.DNSCost {
	c.Lookups -= earlier.Lookups
	c.Failed -= earlier.Failed
	c.WaitMS -= earlier.WaitMS
	return c
}

// timeline returns a copy of the trace.
func (d *meter) timeline() []result.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]result.Event{}, d.events...)
}
