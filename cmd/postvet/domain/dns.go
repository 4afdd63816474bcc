package domain

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

	mu      sync.Mutex
	answers map[question]*pending
	failed  int
}

type question struct {
	name string
	typ  dnscache.Type
}

type pending struct {
	done   chan struct{}
	answer *dnscache.Answer
}

func newDNS(r Resolver) *dns {
	return &dns{resolver: r, slots: make(chan struct{}, maxAtOnce), answers: map[question]*pending{}}
}

// Lookup returns the answer to one question. It returns when ctx ends, and
// never nil.
func (d *dns) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	q := question{name, t}
	d.mu.Lock()
	p := d.answers[q]
	mine := p == nil
	if mine {
		if len(d.answers) >= maxLookups {
			d.failed++
			d.mu.Unlock()
			return &dnscache.Answer{Outcome: dnscache.Timeout}
		}
		p = &pending{done: make(chan struct{})}
		d.answers[q] = p
	}
	d.mu.Unlock()
	if mine {
		p.answer = d.ask(ctx, name, t)
		if !p.answer.Outcome.Known() {
			d.mu.Lock()
			d.failed++
			d.mu.Unlock()
		}
		close(p.done)
	}
	<-p.done // whoever asks obeys the same ctx
	return p.answer
}

func (d *dns) ask(ctx context.Context, name string, t dnscache.Type) (a *dnscache.Answer) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	if a = d.resolver.Lookup(ctx, name, t); a == nil {
		a = &dnscache.Answer{Outcome: dnscache.ServFail}
	}
	return a
}

// counts returns how many questions were asked and how many ended in trouble.
func (d *dns) counts() (lookups, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.answers), d.failed
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
