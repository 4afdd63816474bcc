package dnscache

import (
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
	refusedRounds = 4
)

// ask puts the question for the owner of c to the upstreams, in rounds.
func (r *Resolver) ask(ctx context.Context, c chain, t Type) reply {
	zone := zoneOf(strings.TrimSuffix(c.owner, "."))
	since := r.now()
	if d, ok := ctx.Deadline(); ok {
		// Whether silence is about the name must be known when the time is over.
		defer time.AfterFunc(time.Until(d)/2, func() { r.health.prompt(zone, since) }).Stop()
	}
	var last *failure
	for round := 1; ; round++ {
		over := r.upstreams.outage.over() // before the query, so that no end is missed
		reply := r.upstreams.query(ctx, c, t)
		f := reply.failure
		if f == nil || errors.Is(context.Cause(ctx), context.Canceled) {
			return reply
		}
		if last != nil && ctx.Err() != nil {
			reply.failure = last // says more than that the time was over
			return reply
		}
		f.cause = r.judge(ctx, f, round, zone, since)
		if last = f; !f.cause.Ours() {
			return reply
		}
		if f.outcome == Timeout {
			r.upstreams.outage.begin()
			r.watch()
		}
		r.upstreams.rereadSoon()
		if round == maxRounds || !pause(ctx, round, over) {
			return reply
		}
	}
}

// judge returns the cause of a failed question.
func (r *Resolver) judge(ctx context.Context, f *failure, round int, zone string, since int64) Cause {
	broken := (*PanicError)(nil)
	switch {
	case f.cause != 0:
		return f.cause
	case errors.As(f.reason, &broken):
		return 0
	case f.outcome == Refused && (r.health.refused(zone) || round < refusedRounds):
		return CauseResolver
	case r.health.vouches(ctx, zone, since):
		return CauseName
	}
	return CauseResolver
}

// pause waits for the next round, and reports whether there may be one. It is shorter if
// an outage ends meanwhile.
func pause(ctx context.Context, round int, over <-chan struct{}) bool {
	wait := minPause + rand.N(maxPause-minPause)
	if round > soonRounds {
		wait *= latePause
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
