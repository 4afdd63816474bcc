package policy

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// maxEvents bounds the trace of one connection.
const maxEvents = 2000

// meter stands between the evaluators and the resolver of one connection: it
// counts lookups, measures for how long any was under way, and keeps the trace.
type meter struct {
	resolver Resolver
	now      func() time.Time
	began    time.Time
	trace    bool
	slots    chan struct{} // one token per lookup under way
	cached   cachedLookups // of the check that is tried at present

	mu     sync.Mutex
	cost   result.DNSCost
	waited time.Duration
	active int
	since  time.Time // when active rose from 0
	events []result.Event
}

// maxConcurrent bounds the lookups that one connection has under way: a message
// full of signatures must not take the DNS away from all others. DMARC's lookups
// of the author do not wait for it.
const maxConcurrent = 24

func newMeter(r Resolver, now func() time.Time, trace bool) *meter {
	return &meter{resolver: r, now: now, trace: trace, began: now(), slots: make(chan struct{}, maxConcurrent)}
}

// cachedLookups is the Resolver of a check that is tried with the cache alone, in
// the goroutine of the connection. Its cost counts only if the cache held every
// answer. Otherwise the check begins anew and repeats every lookup.
type cachedLookups struct {
	resolver Resolver
	recall   *dnscache.Recall
	cost     result.DNSCost
}

// cacheOnly returns the resolver of the check that is tried next.
func (d *meter) cacheOnly(recall *dnscache.Recall) *cachedLookups {
	d.cached = cachedLookups{resolver: d.resolver, recall: recall}
	return &d.cached
}

func (c *cachedLookups) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if c.recall.Missed() {
		return c.recall.Miss()
	}
	a := c.resolver.Lookup(ctx, name, t)
	if a == nil || panicked(a) != nil {
		return c.recall.Miss() // the check begins anew, and that lookup reports it
	}
	count(&c.cost, a, a.Outcome.Temporary())
	return a
}

// lookups is the Resolver of one check whose lookups may wait.
type lookups struct {
	*meter
	check  string
	urgent bool
	broken string // the first panic of a lookup; guarded by meter.mu
}

func (l *lookups) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if !l.urgent {
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
		case <-ctx.Done():
			return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
		}
	}
	start := l.now()
	l.enter(start)
	a, fault := guard(func() *dnscache.Answer { return l.resolver.Lookup(ctx, name, t) })
	if a == nil {
		a = &dnscache.Answer{Outcome: dnscache.ServFail, Err: errNoAnswer}
	} else if err := panicked(a); err != nil {
		fault = err.Error()
	}
	end := l.now()
	l.leave(end, a, a.Outcome.Temporary() && !unneeded(ctx))
	if fault != "" {
		l.mu.Lock()
		l.broken = cmp.Or(l.broken, fault)
		l.mu.Unlock()
	}
	if l.trace {
		l.record(result.Event{What: "dns", Check: l.check, Text: explain.Lookup(name, t, a, end.Sub(start))})
	}
	return a
}

// fault returns the first panic of a lookup; "" if there was none.
func (l *lookups) fault() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// panicked returns the panic by which a lookup ended, nil if by none.
func panicked(a *dnscache.Answer) *dnscache.PanicError {
	if a.Outcome != dnscache.ServFail {
		return nil
	}
	var err *dnscache.PanicError
	errors.As(a.Err, &err)
	return err
}

var errNoAnswer = errors.New("policy: the resolver gave no answer")

// add counts what a check cost that the cache alone served.
func (d *meter) add(c result.DNSCost) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cost.Lookups += c.Lookups
	d.cost.Failed += c.Failed
	d.cost.ResolverFailed += c.ResolverFailed
	d.cost.HostFailed += c.HostFailed
}

// count adds a lookup to a cost.
func count(c *result.DNSCost, a *dnscache.Answer, failed bool) {
	c.Lookups++
	if !failed {
		return
	}
	c.Failed++
	switch a.Cause {
	case dnscache.CauseResolver:
		c.ResolverFailed++
	case dnscache.CauseHost:
		c.HostFailed++
	}
}

func (d *meter) enter(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active == 0 {
		d.since = now
	}
	d.active++
}

func (d *meter) leave(now time.Time, a *dnscache.Answer, failed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active--; d.active == 0 {
		d.waited += now.Sub(d.since)
	}
	count(&d.cost, a, failed)
}

// errLate is why lookups are given up whose answers would have been needed.
var errLate = errors.New("policy: not finished in time")

// unneeded reports whether a lookup was given up because its answer no longer
// counts: a check that has found what it looked for ends its other lookups.
// Those that ran out of time failed.
func unneeded(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.Canceled) }

// record adds events to the trace. Call it only if a trace is kept.
func (d *meter) record(events ...result.Event) {
	events = d.dated(events)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, events[:min(len(events), max(0, maxEvents-len(d.events)))]...)
}

// dated sets the time of events to the present.
func (d *meter) dated(events []result.Event) []result.Event {
	at := float64(d.now().Sub(d.began).Microseconds()) / 1000
	for i := range events {
		events[i].AtMS = at
	}
	return events
}

// snapshot returns what the lookups have cost so far.
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
	c.ResolverFailed -= earlier.ResolverFailed
	c.HostFailed -= earlier.HostFailed
	c.WaitMS -= earlier.WaitMS
	return c
}

// timeline returns a copy of the trace.
func (d *meter) timeline() []result.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]result.Event{}, d.events...)
}
