package dnscache

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"
)

// Where some upstreams validate and others do not, the others answer only in place of those
// that are away. A forger would have the others believe them, and a sender can
// make an upstream fail that is not away: by names whose servers are silent, or by so many
// names that it reaches its quota.

const (
	// An upstream that has found something is taken for one that works so long, and for one
	// that serves this host so long.
	failLife   = 10 * time.Second
	refuseLife = time.Minute
	// silentFrom is how long an upstream that answers must have been silent to be asked
	// whether it is away.
	silentFrom = maxPause
)

// query queries the upstreams for the owner of c. If some of them validate, the others are
// asked only in place of those.
func (us *upstreams) query(ctx context.Context, c chain, t Type) reply {
	us.askWhoValidates(ctx)
	order := us.order(c, t)
	n := 0
	for n < len(order) && order[n].validates() {
		n++
	}
	if n == 0 || n == len(order) {
		return us.queryAny(ctx, order, c, t, maxAttempts)
	}
	r := us.queryAny(ctx, order[:n], c, t, n)
	if r.failure == nil || ctx.Err() != nil || !replaced(ctx, r.failure, order[:n]) {
		return r
	}
	other := us.queryAny(ctx, order[n:], c, t, maxAttempts)
	if other.failure != nil {
		other.failure = worse(r.failure, other.failure)
	}
	return other
}

// replaced reports whether upstreams that do not validate may answer in place of those that
// do, which failed. They may not after a failed validation or what may be one, nor if only
// this question is not answered: a validation that fails may take long.
func replaced(ctx context.Context, f *failure, validating []*upstream) bool {
	switch {
	case f.bogus(), errors.Is(f.reason, errMaybeBogus), errors.Is(f.reason, errBusy), exhausted(f.reason):
		return false
	}
	for _, u := range validating {
		if f.outcome == Timeout && u.present(ctx) || f.outcome != Timeout && u.short(ctx, f.outcome) {
			return false
		}
	}
	return true
}

// present reports whether the upstream answers other questions.
func (u *upstream) present(ctx context.Context) bool {
	at := u.answeredAt.Load()
	return at >= 0 && u.now()-at < int64(silentFrom) || u.alive(ctx)
}

// short reports whether the upstream may have refused a question, or failed it, for a quota
// or for its name. Otherwise it does so with all questions.
func (u *upstream) short(ctx context.Context, o Outcome) bool {
	life := failLife
	if o == Refused {
		life = refuseLife
	}
	works := func() bool { return u.proof.foundWithin(life, u.now()) }
	if u.concurrency.loaded() && (works() || pause(ctx, maxPause, nil) && works()) { // a burst may just begin
		return true
	}
	return o == Refused && u.finds(ctx)
}

// finds reports whether the upstream answers for a name that exists.
func (u *upstream) finds(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, u.attemptTimeout)
	defer cancel()
	for _, name := range existing {
		resp, err := u.exchange(ctx, name, NS)
		if err != nil {
			return false
		}
		if resp.Rcode == dns.RcodeSuccess {
			return true
		}
	}
	return false
}

// askAgain is the time from one question whether an upstream validates to the next, as long as
// that is not known. Lookups wait for the first one, for silenceTime at most.
const askAgain = 10 * time.Second

// askWhoValidates finds out which upstreams validate, if there are several and that is
// not known of all.
func (us *upstreams) askWhoValidates(ctx context.Context) {
	list := *us.list.Load()
	if len(list) == 1 {
		return
	}
	for _, u := range list {
		if ended := u.validation.ask(u, us.now()); ended != nil {
			select {
			case <-ended:
			case <-ctx.Done():
				return
			}
		}
	}
}

// ask asks the upstream whether it validates, unless that is known or was asked just now. It
// returns a channel that is closed when the first such question ends, later nil.
func (v *validation) ask(u *upstream, now int64) (ended <-chan struct{}) {
	if !u.trusted || v.state.Load() != validationUnknown {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.first != nil && now-v.askedAt < int64(askAgain) {
		return v.first
	}
	first := make(chan struct{})
	if !u.background(func(ctx context.Context) {
		defer close(first)
		ctx, cancel := context.WithTimeout(ctx, min(silenceTime, u.attemptTimeout))
		defer cancel()
		u.alive(ctx)
	}) {
		return nil
	}
	v.askedAt = now
	if v.first == nil {
		v.first = first
	}
	return v.first
}
