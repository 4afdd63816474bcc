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

// hedgeCost is what a second query sent for lateness takes from a budget into
// which each question pays 1: at most one question in ten is asked twice.
const (
	hedgeCost   = 10
	hedgeBudget = 200
)

// errOvertaken is the cause of cancelling a query that another has overtaken.
var errOvertaken = errors.New("another upstream answered first")

// upstreams are the resolvers asked, in the order that experience suggests.
type upstreams struct {
	all     atomic.Pointer[[]*upstream]
	attempt time.Duration
	budget  atomic.Int64
	// background runs f in the background, or not at all while closing.
	background func(f func(ctx context.Context)) bool
	panics     *panics
}

// trouble is why a question got no answer.
type trouble struct {
	outcome Outcome
	reason  error
}

func (t *trouble) Error() string { return t.reason.Error() }
func (t *trouble) Unwrap() error { return t.reason }

// attempt is what came of one query.
type attempt struct {
	from      *upstream
	chain     chain // how far the question has got
	authentic bool
	bad       *trouble
	// final: this upstream has spoken, asking it again would change nothing.
	final bool
}

// ask puts the question where c stands, and returns what came from whichever
// upstream had an answer first. The best is asked first, the next when that
// fails or is late.
func (us *upstreams) ask(ctx context.Context, c chain, t Type) attempt {
	order := us.order(c, t)
	if len(order) == 1 {
		return us.askOne(ctx, order[0], c, t)
	}
	us.budget.Add(min(1, max(0, hedgeBudget-us.budget.Load())))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errOvertaken)
	results := make(chan attempt, maxAttempts)
	late := time.NewTimer(time.Hour)
	defer late.Stop()
	var worst *trouble
	running, sent := 0, 0
	start := func() bool {
		if sent == maxAttempts || len(order) == 0 {
			return false
		}
		u := order[0]
		order = append(order[1:], u) // its next turn comes after all others
		sent++
		running++
		late.Reset(u.patience())
		go func() { results <- us.try(ctx, u, c, t) }()
		return true
	}
	start()
	for running > 0 {
		select {
		case a := <-results:
			running--
			if a.bad == nil {
				return a
			}
			worst = worse(worst, a.bad)
			if a.final {
				order = slices.DeleteFunc(order, func(u *upstream) bool { return u == a.from })
			}
			if running == 0 && ctx.Err() == nil {
				start()
			}
		case <-late.C:
			if running == 1 && len(order) > 1 && us.spend() {
				start()
				order[len(order)-1].count(func(s *UpstreamStats) { s.Hedged++ })
			}
		}
	}
	return attempt{chain: c, bad: worst}
}

// askOne is ask where there is only one upstream: nothing to choose or hedge.
func (us *upstreams) askOne(ctx context.Context, u *upstream, c chain, t Type) attempt {
	var worst *trouble
	for range maxAttempts {
		a := us.try(ctx, u, c, t)
		if a.bad == nil {
			return a
		}
		worst = worse(worst, a.bad)
		if a.final || ctx.Err() != nil {
			break
		}
	}
	return attempt{chain: c, bad: worst}
}

// try puts the question to one upstream once, within the time of one attempt.
func (us *upstreams) try(ctx context.Context, u *upstream, c chain, t Type) (a attempt) {
	defer func() {
		if v := recover(); v != nil {
			err := us.panics.caught("dns query to "+u.text, v)
			a = attempt{from: u, chain: c, bad: &trouble{ServFail, err}, final: true}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, us.attempt)
	defer cancel()
	resp, err := u.ask(ctx, c.owner, t)
	a = attempt{from: u, chain: c}
	switch {
	case errors.Is(err, errMalformed):
		a.bad = &trouble{ServFail, fmt.Errorf("%s: %w", u.text, err)}
	case errors.Is(err, ErrName):
		a.bad, a.final = &trouble{NXDomain, err}, true
	case timedOut(err):
		a.bad = &trouble{Timeout, fmt.Errorf("%s: no answer within %v", u.text, us.attempt)}
	case err != nil:
		// Nobody is there, or nobody can be reached: nothing was answered.
		a.bad, a.final = &trouble{Timeout, fmt.Errorf("%s: %w", u.text, err)}, true
	default:
		if o, err := fault(resp); o != 0 {
			a.bad, a.final = &trouble{o, fmt.Errorf("%s: %w", u.text, err)}, true
		} else if err := a.chain.read(resp, t); err != nil {
			a.bad, a.final = &trouble{ServFail, fmt.Errorf("%s: %w", u.text, err)}, true
		}
		a.authentic = resp.AuthenticatedData && u.trusted
	}
	return a
}

// worse returns what to report of two troubles: a server's word on the name
// before silence, silence before refusal, of which another server may be free.
func worse(a, b *trouble) *trouble {
	rank := func(t *trouble) int {
		switch t.outcome {
		case ServFail:
			return 3
		case Timeout:
			return 2
		}
		return 1
	}
	if a == nil || rank(b) > rank(a) {
		return b
	}
	return a
}

// order returns the upstreams, best first. Those in back-off come last and are
// probed in the background with the question at hand.
func (us *upstreams) order(c chain, t Type) []*upstream {
	all := *us.all.Load()
	if len(all) == 1 {
		return all
	}
	type ranked struct {
		u       *upstream
		backOff bool
		cost    float64
	}
	rs := make([]ranked, len(all))
	for i, u := range all {
		backOff, cost := u.rank()
		rs[i] = ranked{u, backOff, cost}
		if backOff && u.probeDue() {
			us.background(func(ctx context.Context) { us.try(ctx, u, c, t) })
		}
	}
	slices.SortStableFunc(rs, func(a, b ranked) int {
		if a.backOff != b.backOff {
			if a.backOff {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.cost, b.cost)
	})
	order := make([]*upstream, len(rs))
	for i, r := range rs {
		order[i] = r.u
	}
	return order
}

// spend takes the cost of one hedge from the budget, if it is there.
func (us *upstreams) spend() bool {
	for {
		b := us.budget.Load()
		if b < hedgeCost {
			return false
		}
		if us.budget.CompareAndSwap(b, b-hedgeCost) {
			return true
		}
	}
}
