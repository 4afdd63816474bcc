package dnscache

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// fly returns what a flight does: it asks, keeps what it learns, and leaves
// the answer for those who wait.
func (r *Resolver) fly(hash uint64, key string) func(context.Context, *flight) {
	return func(ctx context.Context, f *flight) {
		defer func() {
			if v := recover(); v != nil {
				f.answer = r.broke(question(key), v)
			}
		}()
		// Another flight may have ended between our asking the store and our
		// taking off.
		e := r.store.get(hash, []byte(key))
		if e == nil || !e.fresh(r.now()) {
			e = r.cut([]byte(key))
		}
		if e != nil && !e.refreshing.Load() {
			f.answer = &e.answer
			return
		}
		ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
		defer cancel()
		r.reread()
		start := time.Now()
		t := Type(key[0])<<8 | Type(key[1])
		c, authentic, bad := r.resolve(ctx, presentation(key[2:]), t)
		if broken := (*PanicError)(nil); bad != nil && errors.As(bad.reason, &broken) {
			f.answer = &Answer{Outcome: ServFail, Err: fmt.Errorf("dnscache: %s: %w", question(key), broken)}
			return
		}
		closed := errors.Is(ctx.Err(), context.Canceled)
		var a Answer
		if bad == nil {
			a = c.answer(t)
			a.Authentic = authentic
		} else {
			a = Answer{Outcome: bad.outcome, Err: fmt.Errorf("dnscache: %s: %w", question(key), bad.reason)}
			if closed {
				a.Err = ErrClosed
			}
		}
		if !closed {
			r.seen.wire(a.Outcome, time.Since(start))
			r.health.note(key[2:], a.Outcome)
		}
		f.answer = r.learn(f, hash, key, a, c, closed)
	}
}

// broke returns the answer of a question during which something panicked. It is
// not kept: it says nothing about the name, nor about the resolvers.
func (r *Resolver) broke(question string, value any) *Answer {
	err := r.panics.caught("dns lookup of "+question, value)
	return &Answer{Outcome: ServFail, Err: fmt.Errorf("dnscache: %s: %w", question, err)}
}

// learn keeps an answer as long as its outcome allows, and returns what those
// who waited for it get.
func (r *Resolver) learn(f *flight, hash uint64, key string, a Answer, c chain, closed bool) *Answer {
	now := r.now()
	if a.Outcome.Temporary() {
		if e := r.old(hash, key); e != nil {
			// What was known outlives the trouble; until the trouble is
			// forgotten nobody is asked (RFC 8767 section 5, RFC 9520).
			e.quietUntil.Store(now + int64(r.opt.FailureTTL))
			if e.fresh(now) {
				return &e.answer
			}
			r.seen.add(&r.seen.stale)
			return e.staleAnswer()
		}
	}
	ttl, stale := r.opt.FailureTTL, time.Duration(0)
	if a.Outcome.Known() {
		ttl = time.Duration(c.ttl) * time.Second
		if a.Outcome == Found {
			// Only what was there is served stale: an outage must not turn
			// "there was none" into evidence.
			stale = r.opt.MaxStale
		} else {
			ttl = min(ttl, r.opt.NegativeTTL)
		}
		ttl = min(max(ttl, r.opt.MinTTL), r.opt.MaxTTL)
	}
	// The name itself does not exist: that is so for every type. At the end of
	// a chain it is another name that does not.
	if a.Outcome == NXDomain && a.Err == nil && c.links == 0 {
		cutKey := string([]byte{byte(cutType >> 8), byte(cutType)}) + key[2:]
		e := newEntry(r.store.hash([]byte(cutKey)), cutKey, a, now, r.born, ttl, 0)
		r.flights.keep(f, func() {
			r.store.put(e, now)
			// What the name had under this type is gone; a stale answer must
			// not come back.
			r.store.delete(hash, key)
		})
		return e.asked()
	}
	e := newEntry(hash, key, a, now, r.born, ttl, stale)
	if !closed {
		r.flights.keep(f, func() { r.store.put(e, now) })
	}
	return e.asked()
}

// resolve asks until the end of the CNAME chain is known. authentic is whether
// every answer on the way was.
func (r *Resolver) resolve(ctx context.Context, name string, t Type) (c chain, authentic bool, bad *trouble) {
	c = chain{owner: name, ttl: math.MaxUint32}
	authentic = true
	// Each turn but the last follows at least one link.
	for range maxChain + 1 {
		a := r.asking.ask(ctx, c, t)
		if a.bad != nil {
			return a.chain, false, a.bad
		}
		c = a.chain
		authentic = authentic && a.authentic
		if c.done {
			return c, authentic, nil
		}
	}
	return c, false, &trouble{ServFail, errChain}
}
