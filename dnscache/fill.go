package dnscache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// This file handles a question that the cache cannot answer. The lookup calls fill, which
// waits for a flight. The flight calls resolve, which follows the question to the end of
// its CNAME chain (follow) and keeps the answer (learn).

// flightGrace is how much longer than its flight a caller waits, so that the caller gets
// the flight's own error.
const flightGrace = 50 * time.Millisecond

// errUnanswered is the Err of a caller that gave up while the resolvers failed.
var errUnanswered = errors.New("no resolver answers")

// fill gets the answer to a question from the upstreams. Callers with the same question
// share a flight.
func (r *Resolver) fill(ctx context.Context, k *key) *Answer {
	// Waiting for a slot and for the answer share one deadline.
	limited, cancel := context.WithTimeout(ctx, r.opt.Timeout+flightGrace)
	defer cancel()
	a, err := r.await(limited, k)
	if err == nil {
		return a
	}
	if a = r.kept(k); a != nil {
		return a
	}
	a = &Answer{Outcome: Timeout, Err: fmt.Errorf("dnscache: %s: %w", k, err)}
	if ctx.Err() == nil || errors.Is(err, errBusy) || errors.Is(err, errUnanswered) {
		a.Cause = CauseResolver
	}
	return a
}

// await joins the flight of a question or starts it, and waits for its answer.
func (r *Resolver) await(ctx context.Context, k *key) (*Answer, error) {
	f, err := r.joinOrStart(ctx, k)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.answer, nil
	default:
	}
	// RFC 8767 section 5: after a while an expired answer is better than a further
	// wait. The flight continues and renews it.
	var late <-chan time.Time
	if r.usable(k) != nil {
		timer := time.NewTimer(min(r.opt.Timeout/3, 1800*time.Millisecond))
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-f.done:
			return f.answer, nil
		case <-late:
			late = nil
			if a := r.kept(k); a != nil {
				return a, nil
			}
		case <-ctx.Done():
			select {
			case <-f.done: // the flight's own deadline is the same
				return f.answer, nil
			default:
			}
			r.flights.leave(f)
			if f.unanswered.Load() {
				return nil, fmt.Errorf("%w: %w", errUnanswered, ctx.Err())
			}
			return nil, ctx.Err()
		}
	}
}

// joinOrStart joins the flight of a question or starts it. It waits for a slot until ctx
// ends.
func (r *Resolver) joinOrStart(ctx context.Context, k *key) (*flight, error) {
	if f := r.flights.join(k); f != nil {
		r.counters.joined.Add(1)
		return f, nil
	}
	r.counters.missed.Add(1)
	f, err := r.flights.start(ctx, k, 1, false, r.resolve)
	if errors.Is(err, errBusy) {
		r.counters.queued.Add(1)
		f, err = r.flights.start(ctx, k, 1, true, r.resolve)
	}
	return f, err
}

// refresh renews an entry ahead of its expiry, if slots are not scarce.
func (r *Resolver) refresh(e *entry) {
	err := errBusy
	if r.flights.count() <= r.opt.MaxInFlight/2 {
		_, err = r.flights.start(context.Background(), &e.key, 0, false, r.resolve)
	}
	if err != nil {
		e.refreshing.Store(false)
		return
	}
	r.counters.refreshed.Add(1)
}

// resolve queries the upstreams for a flight, keeps the answer, and returns it for all
// waiting callers.
func (r *Resolver) resolve(ctx context.Context, f *flight) (a *Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = r.panicked(f.key.String(), v)
		}
	}()
	// Another flight may have ended after this question missed the cache.
	if e := r.fresh(&f.key); e != nil && !e.refreshing.Load() {
		return e.answer
	}
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	r.upstreams.reread()
	start := time.Now()
	c, fail := r.follow(ctx, f)
	took := time.Since(start)
	if fail != nil {
		if a := r.unlearned(ctx, &f.key, fail); a != nil {
			return a
		}
		if errors.Is(fail.reason, errBusy) { // the wait says nothing about the resolvers
			r.counters.wire(fail.outcome, took)
			return r.unanswered(f, fail)
		}
		r.observe(&f.key, fail.outcome, took)
		if fail.cause.Ours() {
			return r.unanswered(f, fail)
		}
		return r.learnFailure(f, fail)
	}
	a = r.learn(f, c)
	r.observe(&f.key, a.Outcome, took)
	return a
}

// follow queries the upstreams until the end of the CNAME chain is known.
func (r *Resolver) follow(ctx context.Context, f *flight) (chain, *failure) {
	c := newChain(presentation(f.key.name()))
	for range maxChain + 1 { // each turn but the last follows at least one link
		reply := r.ask(ctx, f, c)
		if reply.failure != nil {
			return c, reply.failure
		}
		if c = reply.chain; c.done {
			return c, nil
		}
	}
	return c, &failure{ServFail, errChain, CauseName}
}

// observe records the outcome of a question in the statistics and in health.
func (r *Resolver) observe(k *key, o Outcome, took time.Duration) {
	r.counters.wire(o, took)
	r.health.observe(k.name(), o)
}

// learn keeps an answer for as long as its TTL and the options allow, and returns the
// answer for the waiting callers.
func (r *Resolver) learn(f *flight, c chain) *Answer {
	r.failing.answered(f.key)
	k, a := f.key, c.answer(f.key.typ)
	ttl, stale := time.Duration(c.ttl)*time.Second, time.Duration(0)
	if a.Outcome == Found {
		// A negative answer is not served stale, since a record may have been
		// published meanwhile.
		stale = r.opt.MaxStale
	} else {
		ttl = min(ttl, r.opt.NegativeTTL)
	}
	ttl = min(max(ttl, r.opt.MinTTL), r.opt.MaxTTL)
	if a.Outcome == NXDomain && c.links == 0 {
		// The name does not exist, so it has no records of any type. At the end of
		// a chain it is another name that does not exist.
		k = r.store.key(k.name(), anyType)
	}
	now := r.now()
	e := newEntry(k, a, now, r.start, ttl, stale)
	r.flights.unlessFlushed(f.flushes, func() {
		r.store.put(e, now)
		if k != f.key {
			r.store.delete(&f.key) // the old answer must not be served stale
		}
	})
	return e.waited()
}

// learnFailure keeps a failure for Options.FailureTTL, during which there are no queries
// (RFC 9520). If the cache has a usable answer, that is kept instead (RFC 8767 section 5).
// It returns the answer for the waiting callers.
func (r *Resolver) learnFailure(f *flight, fail *failure) *Answer {
	now := r.now()
	if e := r.usable(&f.key); e != nil {
		e.retryAt.Store(now + int64(r.opt.FailureTTL))
		return r.serve(e)
	}
	a := fail.answer(&f.key)
	a.Err = &sinceError{a.Err, r.start.Add(time.Duration(r.failing.failed(f.key, now)))}
	e := newEntry(f.key, a, now, r.start, r.opt.FailureTTL, 0)
	r.flights.unlessFlushed(f.flushes, func() { r.store.put(e, now) })
	return e.waited()
}

// unanswered returns the answer after a failure that is not about the name. Such a failure
// is not kept, so that the next lookup asks again. A usable answer is served as after other
// failures, for as long as the outage lasts.
func (r *Resolver) unanswered(f *flight, fail *failure) *Answer {
	if e := r.usable(&f.key); e != nil {
		e.retryAt.Store(r.now() + int64(r.opt.FailureTTL))
		return r.serve(e)
	}
	a := fail.answer(&f.key)
	return &a
}

// unlearned returns the answer after a failure that says nothing about the name
// and so is not kept; nil for other failures.
func (r *Resolver) unlearned(ctx context.Context, k *key, fail *failure) *Answer {
	if errors.Is(ctx.Err(), context.Canceled) { // by Close, or because no caller waits
		if a := r.kept(k); a != nil {
			return a
		}
		return &Answer{Outcome: Timeout, Err: ErrClosed, Cause: CauseHost}
	}
	if broken := (*PanicError)(nil); errors.As(fail.reason, &broken) {
		return &Answer{Outcome: ServFail, Err: fmt.Errorf("dnscache: %s: %w", k, broken)}
	}
	return nil
}

// fresh returns the entry that answers a question within its TTL, nil if none
// does.
func (r *Resolver) fresh(k *key) *entry {
	if e := r.store.get(k); e != nil && e.fresh(r.now()) && (e.outcome.Known() || !r.forgotten(e)) {
		return e
	}
	return r.nonexistent([]byte(k.name()))
}

// usable returns the entry of a key if it says something about the name and may
// still be served, fresh or stale.
func (r *Resolver) usable(k *key) *entry {
	if e := r.store.get(k); e != nil && e.outcome.Known() && e.usable(r.now()) {
		return e
	}
	return nil
}

// kept returns the usable answer in the cache, fresh or stale, nil if there is none.
func (r *Resolver) kept(k *key) *Answer {
	if e := r.usable(k); e != nil {
		return r.serve(e)
	}
	return nil
}

// serve returns the answer of a usable entry.
func (r *Resolver) serve(e *entry) *Answer {
	if e.fresh(r.now()) {
		return e.answer
	}
	r.counters.stale.Add(1)
	return e.stale()
}
