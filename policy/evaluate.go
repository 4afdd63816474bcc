package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// faultReason is what a result says whose check failed through our own fault;
// the details are in Results.Faults.
const faultReason = "internal error"

// pending is a result that a goroutine delivers.
type pending[T any] struct {
	done  chan struct{}
	value T
	fault string // what went wrong in us; "" for nothing
}

// begin runs check in a goroutine. A panic in it, which only a fault of ours
// can cause, becomes a fault and the result that failed makes.
func begin[T any](check func() T, failed func(fault string) T) *pending[T] {
	p := &pending[T]{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.value, p.fault = guard(check, failed)
	}()
	return p
}

// evaluate runs check with what the DNS cache knows, here and now, if that is
// all it needs: most messages come from senders who were here before, and a
// goroutine that waits for nothing costs more than the check. Else it begins
// anew in a goroutine, with look-ups that wait, for limit at most.
// name is that of the check, for the trace.
func evaluate[T any](ctx context.Context, d *meter, limit time.Duration, name string, check func(context.Context, Resolver) T, failed func(fault string) T) *pending[T] {
	if !d.trace {
		cached, recall := dnscache.CacheOnly(ctx)
		value, fault := guard(func() T { return check(cached, d) }, failed)
		if !recall.Missed() {
			return &pending[T]{done: closed, value: value, fault: fault}
		}
	}
	return begin(func() T {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return check(ctx, d.of(name))
	}, failed)
}

// already is a result that is there.
func already[T any](value T) *pending[T] { return &pending[T]{done: closed, value: value} }

// closed is the done of what was never waited for.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// guard runs check and turns a panic into a fault.
func guard[T any](check func() T, failed func(fault string) T) (value T, fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprintf("%v", r)
			value = failed(faultReason)
		}
	}()
	return check(), ""
}

// grace is how long a check may take to notice that its context has ended.
const grace = 50 * time.Millisecond

// lateReason is what the result of a check says that took too long.
const lateReason = "not finished in time"

// wait returns the result. A check that has not ended shortly after ctx is given
// up, so that nothing can hold a message.
func (p *pending[T]) wait(ctx context.Context, failed func(fault string) T) (T, string) {
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
		return failed(lateReason), ""
	}
}
