package policy

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// check is an evaluation with DNS lookups. The evaluators know nothing of
// goroutines: they look up, wait and return. evaluate decides in which goroutine.
type check[T any] struct {
	name string // for the trace
	// limit bounds the time that it takes; 0 for no bound but that of its context.
	limit time.Duration
	// urgent checks do not wait for room among the connection's lookups.
	urgent bool
	run    func(context.Context, Resolver) T
	// failed returns the result of a check that did not come to one.
	failed func(reason string) T
}

// pending is the result of a check, which may still be out.
type pending[T any] struct {
	done   chan struct{}
	value  T
	fault  string // what went wrong in us; "" for nothing
	failed func(reason string) T
}

// evaluate runs a check. It does so here and now if the DNS cache holds all that
// the check needs: most messages come from senders who were here before, and a
// goroutine that waits for nothing costs more than the check. Otherwise the check
// begins anew in a goroutine, with lookups that wait.
//
// A panic fails the check, whether it happens in the check or in one of its
// lookups. Only a fault in Postvet can cause it.
func evaluate[T any](ctx context.Context, d *meter, c check[T]) *pending[T] {
	if !d.trace { // which shows every lookup
		cached, recall := dnscache.CacheOnly(ctx)
		r := d.cacheOnly(recall)
		value, fault := guard(func() T { return c.run(cached, r) })
		if fault != "" {
			value = c.failed(faultReason)
		}
		if !recall.Missed() {
			d.add(r.cost)
			return &pending[T]{done: closed, value: value, fault: fault}
		}
	}
	return begin(ctx, d, c)
}

// begin runs a check in a goroutine.
func begin[T any](ctx context.Context, d *meter, c check[T]) *pending[T] {
	p := &pending[T]{done: make(chan struct{}), failed: c.failed}
	go func() {
		defer close(p.done)
		if c.limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, c.limit)
			defer cancel()
		}
		if c.urgent {
			ctx = dnscache.Urgent(ctx)
		}
		r := &lookups{meter: d, check: c.name, urgent: c.urgent}
		p.value, p.fault = guard(func() T { return c.run(ctx, r) })
		if p.fault = cmp.Or(p.fault, r.fault()); p.fault != "" {
			p.value = c.failed(faultReason)
		}
	}()
	return p
}

// already is a result that is there.
func already[T any](value T) *pending[T] { return &pending[T]{done: closed, value: value} }

// closed is a channel that is closed from the start.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// faultReason is what a result says whose check failed through our own fault;
// the details are in Results.Faults.
const faultReason = "internal error"

// guard calls f and turns a panic into a fault.
func guard[T any](f func() T) (value T, fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprintf("%v", r)
		}
	}()
	return f(), ""
}

// grace is how long a check may take to notice that its context has ended.
const grace = 50 * time.Millisecond

// lateReason is the reason in the result of a check that took too long.
const lateReason = "not finished in time"

// wait returns the result, and the fault if there was one. A check that has not
// ended shortly after ctx is given up, so that nothing can hold a message.
func (p *pending[T]) wait(ctx context.Context) (value T, fault string) {
	select {
	case <-p.done:
		return p.value, p.fault
	default:
	}
	select {
	case <-p.done:
		return p.value, p.fault
	case <-ctx.Done():
	}
	// It may have ended all the same, or be about to.
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return p.value, p.fault
	case <-t.C:
		return p.failed(lateReason), ""
	}
}
