package inspect

import (
	"context"
	"sync"

	"github.com/postvet/postvet/dnscache"
)

const (
	// maxLookups bounds the questions of one inspection. A large and healthy
	// domain takes some two hundred.
	maxLookups = 1000
	// maxAtOnce bounds those under way at the same time.
	maxAtOnce = 20
)

// dns asks the questions of one inspection: it counts and bounds them, and does
// not ask twice.
type dns struct {
	resolver Resolver
	slots    chan struct{}
	// inspection is what questions end with, and not who asks: an asker that goes,
	// as iprev does when a name has led back, must not take the answer from others.
	inspection, asking context.Context
	stop               context.CancelFunc // ends asking
	all                sync.WaitGroup

	mu      sync.Mutex
	answers map[question]*pending
	failed  int
	refused bool // there were more than maxLookups
	closed  bool
}

type question struct {
	name string
	typ  dnscache.Type
}

type pending struct {
	done   chan struct{}
	answer *dnscache.Answer
}

// newDNS makes a dns whose questions end with ctx, or when it is closed.
func newDNS(ctx context.Context, r Resolver) *dns {
	d := &dns{resolver: r, inspection: ctx, slots: make(chan struct{}, maxAtOnce), answers: map[question]*pending{}}
	d.asking, d.stop = context.WithCancel(ctx)
	return d
}

// close ends the questions that nobody waits for any more.
func (d *dns) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stop()
	d.all.Wait()
}

// Lookup returns the answer to one question. It returns when ctx ends, and
// never nil.
func (d *dns) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	q := question{name, t}
	d.mu.Lock()
	p := d.answers[q]
	if p == nil {
		if full := len(d.answers) >= maxLookups; full || d.closed {
			d.refused = d.refused || full
			d.mu.Unlock()
			return &dnscache.Answer{Outcome: dnscache.Timeout}
		}
		p = &pending{done: make(chan struct{})}
		d.answers[q] = p
		d.all.Go(func() { d.ask(p, name, t) })
	}
	d.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		if d.inspection.Err() == nil {
			return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
		}
		<-p.done // the question ends, too
	}
	return p.answer
}

// ask puts a question when its turn comes.
func (d *dns) ask(p *pending, name string, t dnscache.Type) {
	defer close(p.done)
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
		p.answer = d.resolver.Lookup(d.asking, name, t)
	case <-d.asking.Done():
		p.answer = &dnscache.Answer{Outcome: dnscache.Timeout, Err: d.asking.Err()}
	}
	if p.answer == nil {
		p.answer = &dnscache.Answer{Outcome: dnscache.ServFail}
	}
	if !p.answer.Outcome.Known() {
		d.mu.Lock()
		d.failed++
		d.mu.Unlock()
	}
}

// counts returns how many questions were asked and how many ended in trouble, and
// whether there were more than are asked.
func (d *dns) counts() (lookups, failed int, refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.answers), d.failed, d.refused
}

// addresses asks for both families at once. The outcome is Found if there is
// any address, trouble if there is none and one look-up failed.
func (d *dns) addresses(ctx context.Context, name string) *dnscache.Answer {
	var v4, v6 *dnscache.Answer
	var both sync.WaitGroup
	both.Go(func() { v4 = d.Lookup(ctx, name, dnscache.A) })
	both.Go(func() { v6 = d.Lookup(ctx, name, dnscache.AAAA) })
	both.Wait()
	all := &dnscache.Answer{Outcome: v4.Outcome, Canonical: v4.Canonical}
	if all.Canonical == "" {
		all.Canonical = v6.Canonical
	}
	all.Addrs = append(append(all.Addrs, v4.Addrs...), v6.Addrs...)
	switch {
	case len(all.Addrs) > 0:
		all.Outcome = dnscache.Found
	case !v6.Outcome.Known():
		all.Outcome = v6.Outcome
	case v4.Outcome == dnscache.NXDomain && v6.Outcome != dnscache.NXDomain:
		all.Outcome = v6.Outcome
	}
	return all
}
