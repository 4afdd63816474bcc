package dnscache

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// This file decides whether a failed question is put to the upstreams again. A failure of
// the resolvers or of this machine says nothing about the name, so the question is put
// again until the lookup's time is over, or the resolvers answer.

// The pauses between two rounds have random lengths, so that lookups that failed together
// do not return together. After soonRounds they are longer.
const (
	minPause   = 50 * time.Millisecond
	maxPause   = 250 * time.Millisecond
	soonRounds = 32
	latePause  = 4 // times as long
	maxRounds  = 160
	// A resolver that refuses one name this often, and no other name meanwhile, has been
	// told not to answer for it. Otherwise it has a quota, or does not serve this host.
	refusedRounds = 3
)

// ask puts the question for the owner of c to the upstreams, in rounds, for a flight.
func (r *Resolver) ask(ctx context.Context, flight *flight, c chain) reply {
	zone := zoneOf(strings.TrimSuffix(c.owner, "."))
	since := r.now()
	if d, ok := ctx.Deadline(); ok {
		// Whether silence is about the name must be known when the time is over.
		defer time.AfterFunc(time.Until(d)/2, func() {
			if !r.health.prompt(zone, since) {
				flight.unanswered.Store(true)
			}
		}).Stop()
	}
	var last *failure
	var fails servFails
	for round := 1; ; round++ {
		if f := r.upstreams.outage.await(ctx); f != nil {
			return reply{chain: c, failure: cmp.Or(last, f)}
		}
		ended := r.upstreams.outage.over() // before the query, so that no end is missed
		reply := r.upstreams.query(ctx, c, flight.key.typ)
		f := reply.failure
		if f == nil {
			flight.unanswered.Store(false)
		}
		if f == nil && last != nil && last.outcome == ServFail {
			r.recoveredAt.Store(r.now()) // the name was not to blame
			r.upstreams.recovery.add(true)
		}
		if f == nil || errors.Is(context.Cause(ctx), context.Canceled) {
			return reply
		}
		if last != nil && over(ctx) {
			reply.failure = last // says more than that the time was over
			return reply
		}
		fails.last = 0
		wait := usualPause(round)
		if f.outcome == Refused && r.upstreams.quota() {
			wait = quotaPause()
		}
		f.cause = r.judge(ctx, f, round, &fails, zone, since)
		if last = f; !f.cause.Ours() {
			if fails.soon+fails.late > 0 && f.cause == CauseName {
				r.upstreams.recovery.add(false)
			}
			return reply
		}
		flight.unanswered.Store(true)
		r.upstreams.rereadSoon()
		if r.upstreams.uncertified() {
			r.upstreams.outage.end(r.upstreams.outage.state()) // nobody should wait for it
			return reply
		}
		r.failed(f, fails.last > 0)
		if round == maxRounds || !pause(ctx, cmp.Or(fails.last, wait), ended) {
			return reply
		}
	}
}

// over reports whether the time of ctx is over. A socket notices that before ctx does.
func over(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(d)
}

// judge returns the cause of a failed question.
func (r *Resolver) judge(ctx context.Context, f *failure, round int, fails *servFails, zone string, since int64) Cause {
	broken := (*PanicError)(nil)
	switch {
	case f.cause != 0:
		return f.cause
	case errors.As(f.reason, &broken):
		return 0
	case f.outcome == Refused && (r.health.refused(zone) || round < refusedRounds):
		return CauseResolver
	case f.outcome == ServFail && fails.again(ctx, r.upstreams.quota(), r.overloaded()):
		return CauseResolver
	case r.health.vouches(ctx, zone, since):
		return CauseName
	}
	return CauseResolver
}

// usualPause returns how long to wait for the next round.
func usualPause(round int) time.Duration {
	wait := minPause + rand.N(maxPause-minPause)
	if round > soonRounds {
		wait *= latePause
	}
	return wait
}

// quotaPause is usualPause after a refusal, while fewer queries are sent at a time because of
// a quota.
func quotaPause() time.Duration { return minPause/2 + rand.N(minPause) }

// pause waits for the next round, and reports whether there may be one. It is shorter if
// an outage ends meanwhile.
func pause(ctx context.Context, wait time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
