package dnscache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// maxAttempts bounds the queries for one question (one link of a chain), over
// all upstreams.
const maxAttempts = 6

// A hedge is a second query that is sent because the response to the first is late. It takes
// hedgeCost tokens, and each question adds one token, up to maxHedgeTokens. So at most one
// question in ten has a hedge. It takes none if the first upstream has answered nothing since
// it was asked, and the next one has: the first may be away. A query that cannot have a hedge
// may have one hedgeAgain later.
const (
	hedgeAgain     = 20 * time.Millisecond
	hedgeCost      = 10
	maxHedgeTokens = 200
)

// errSuperseded is the cause of cancelling a query after another upstream's
// response.
var errSuperseded = errors.New("another upstream answered first")

// upstreams are the resolvers that are queried.
type upstreams struct {
	opt    Options
	now    func() int64 // ns, the resolver's clock
	udp    *udpClient
	panics *panics
	// background runs f in the background, or not at all once closed.
	background func(f func(ctx context.Context)) bool
	outage     outage
	recovery   recovery
	denied     func() // drops the negative answers in the cache

	list        atomic.Pointer[[]*upstream]
	hedgeTokens atomic.Int64
	rereadAt    atomic.Int64 // when to read Options.ResolvConf again
	confTrusts  atomic.Bool  // Options.ResolvConf has "options trust-ad"
}

// reply is the result of querying one upstream or several.
type reply struct {
	from    *upstream
	chain   chain    // how far the question was followed
	failure *failure // nil if the chain was followed
	// final is true if another query to this upstream would have the same result.
	final bool
}

// queryAny queries upstreams, of which the best comes first, and the next one if that fails
// or is late. The first success counts, or the first failed validation.
func (us *upstreams) queryAny(ctx context.Context, order []*upstream, c chain, t Type, attempts int) reply {
	if len(order) == 1 {
		return us.queryOnly(ctx, order[0], c, t, attempts)
	}
	us.hedgeTokens.Add(min(1, max(0, maxHedgeTokens-us.hedgeTokens.Load())))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errSuperseded)
	began := us.now()
	replies := make(chan reply, maxAttempts)
	late := time.NewTimer(time.Hour)
	defer late.Stop()
	var worst *failure
	running, sent := 0, 0
	order = slices.Clone(order) // it is changed below
	start := func() {
		if sent == attempts || len(order) == 0 {
			return
		}
		u := order[0]
		order = append(order[1:], u) // it is queried again after all others
		sent++
		running++
		late.Reset(u.hedgeAfter())
		go func() { replies <- us.try(ctx, u, c, t) }()
	}
	start()
	for running > 0 {
		select {
		case r := <-replies:
			running--
			if r.failure == nil || r.failure.bogus() {
				return r
			}
			worst = worse(worst, r.failure)
			if r.final {
				order = slices.DeleteFunc(order, func(u *upstream) bool { return u == r.from })
			}
			if running == 0 && ctx.Err() == nil {
				if r.failure.outcome == Timeout && sent >= len(order) && us.silent(ctx, began) {
					return reply{chain: c, failure: worst.ours()}
				}
				start()
			}
		case <-late.C:
			switch {
			case running != 1 || len(order) < 2 || sent == attempts:
			case order[len(order)-1].silentSince(began) && !order[0].silentSince(began), us.takeHedge():
				start()
				order[len(order)-1].count(func(s *UpstreamStats) { s.Hedged++ })
			default:
				late.Reset(hedgeAgain)
			}
		}
	}
	return reply{chain: c, failure: worst}
}

// queryOnly is queryAny with one upstream, where there is nothing to choose or hedge.
func (us *upstreams) queryOnly(ctx context.Context, u *upstream, c chain, t Type, attempts int) reply {
	var worst *failure
	began := us.now()
	unheard := 0
	for range attempts {
		r := us.try(ctx, u, c, t)
		if r.failure == nil || r.failure.bogus() {
			return r
		}
		if worst = worse(worst, r.failure); r.failure.outcome == Refused {
			worst = r.failure // it was silent for the same reason
		}
		if r.final || ctx.Err() != nil {
			break
		}
		if r.failure.outcome == Timeout && us.silent(ctx, began) {
			worst = worst.ours()
			break
		}
		if r.failure.outcome == Timeout {
			if unheard++; unheard == unheardAfter {
				ctx = context.WithValue(ctx, unheardKey{}, true)
			}
		}
	}
	return reply{chain: c, failure: worst}
}

// try queries one upstream once, within the time of one attempt.
func (us *upstreams) try(ctx context.Context, u *upstream, c chain, t Type) (r reply) {
	defer func() {
		if v := recover(); v != nil {
			err := us.panics.caught("dns query to "+u.text, v)
			r = reply{from: u, chain: c, failure: &failure{outcome: ServFail, reason: err}, final: true}
		}
	}()
	resp, err := u.queryInTurn(ctx, c.owner, t)
	fail := func(o Outcome, err error, cause Cause, final bool) reply {
		return reply{from: u, chain: c, failure: &failure{o, fmt.Errorf("%s: %w", u.text, err), cause}, final: final}
	}
	switch {
	case errors.Is(err, errBusy):
		return fail(Timeout, err, CauseResolver, true)
	case errors.Is(err, errMalformed):
		return fail(ServFail, err, 0, false)
	case errors.Is(err, ErrName):
		return reply{from: u, chain: c, failure: &failure{NXDomain, err, CauseName}, final: true}
	case timedOut(err):
		return fail(Timeout, fmt.Errorf("no answer within %v", us.opt.AttemptTimeout), 0, false)
	case err != nil:
		// The upstream does not listen, or cannot be reached from here.
		return fail(Timeout, err, causeOf(err), true)
	}
	if f := u.failed(ctx, resp, c.owner, t); f != nil {
		return fail(f.outcome, f.reason, f.cause, true)
	}
	followed := c
	if err := followed.read(resp, t); err != nil {
		return fail(ServFail, err, 0, true)
	}
	switch {
	case followed.done && followed.outcome == Found:
		u.proof.found(us.now())
	case followed.done && !u.proves(ctx):
		return fail(ServFail, errDenies, CauseResolver, true)
	}
	followed.authentic = followed.authentic && resp.AuthenticatedData && u.trusted
	return reply{from: u, chain: followed}
}

// order returns the upstreams, the best first. Those in back-off that answer nothing come last.
// Before them come, in this order of importance, those that validate, those that are not in
// back-off, and those that have fewer questions than their quota allows. When it is time to try one of them again, order queries it in the background
// with the present question.
func (us *upstreams) order(c chain, t Type) []*upstream {
	list := *us.list.Load()
	if len(list) == 1 {
		return list
	}
	type ranked struct {
		*upstream
		away, validates, backOff, full bool
		cost                           float64
	}
	rs := make([]ranked, len(list))
	for i, u := range list {
		backOff, cost := u.rank()
		rs[i] = ranked{u, backOff && u.silent.Load(), u.validates(), backOff, u.concurrency.turns.full(), cost}
		if backOff && u.retryDue() {
			us.background(func(ctx context.Context) { us.try(ctx, u, c, t) })
		}
	}
	slices.SortStableFunc(rs, func(a, b ranked) int {
		return cmp.Or(later(a.away, b.away), later(b.validates, a.validates), later(a.backOff, b.backOff), later(a.full, b.full), cmp.Compare(a.cost, b.cost))
	})
	order := make([]*upstream, len(rs))
	for i, r := range rs {
		order[i] = r.upstream
	}
	return order
}

// later returns the order of two upstreams of which one may have what puts it behind.
func later(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// takeHedge takes the tokens for one hedge, and reports whether there were enough.
func (us *upstreams) takeHedge() bool {
	for {
		n := us.hedgeTokens.Load()
		if n < hedgeCost {
			return false
		}
		if us.hedgeTokens.CompareAndSwap(n, n-hedgeCost) {
			return true
		}
	}
}
