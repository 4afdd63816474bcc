package dnscache

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// While there is an outage, or the resolvers are degraded, the upstreams are asked for what
// must exist at these intervals, so that the end is noticed at once. After watchSoon times,
// half a minute, they are longer. A question to a silent upstream does not delay the next.
const (
	minWatch   = 40 * time.Millisecond
	maxWatch   = 80 * time.Millisecond
	watchSoon  = 500
	lateWatch  = 3  // times as long
	maxWatches = 16 // in flight
)

// failed begins an outage if a question failed because no upstream answers for any name. again
// is true if a quota may be why it failed.
func (r *Resolver) failed(f *failure, again bool) {
	switch {
	case f.outcome == Timeout && !errors.Is(f.reason, errBusy), errors.Is(f.reason, errDenies):
		r.upstreams.outage.begin(noneReached, f)
		r.watch()
	case f.outcome == ServFail && !again:
		r.upstreams.outage.begin(noneAnswers, f)
	}
}

// watch looks for the end of an outage and of the degradation, in the background.
func (r *Resolver) watch() {
	if !r.watching.CompareAndSwap(false, true) {
		return
	}
	r.flights.background(func(ctx context.Context) {
		var asking sync.WaitGroup
		defer asking.Wait()
		slots := make(chan struct{}, maxWatches)
		for n := 0; ; n++ {
			if !r.troubled() {
				// A goroutine that sets one of them now finds nobody watching, or we see it.
				if r.watching.Store(false); !r.troubled() || !r.watching.CompareAndSwap(false, true) {
					return
				}
			}
			wait := minWatch + rand.N(maxWatch-minWatch)
			if n > watchSoon {
				wait *= lateWatch
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			r.upstreams.reread()
			select {
			case slots <- struct{}{}:
			default:
				continue
			}
			asking.Go(func() {
				defer func() { <-slots }()
				if r.upstreams.answers(ctx, r.opt.AttemptTimeout) {
					r.health.retest()
				}
			})
		}
	})
}

// troubled reports whether there is something whose end watch should look for.
func (r *Resolver) troubled() bool { return r.upstreams.outage.state() == noneReached || r.Degraded() }

// answers reports whether an upstream answers for a name that exists, within a time. It asks
// each once.
func (us *upstreams) answers(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	list := *us.list.Load()
	replies := make(chan bool, len(list))
	for _, u := range list {
		go func() {
			ok := false
			defer func() {
				if v := recover(); v != nil {
					us.panics.caught("dns query to "+u.text, v)
				}
				replies <- ok
			}()
			resp, err := u.exchange(ctx, existing[0], NS)
			if ok = err == nil && resp.Rcode != dns.RcodeRefused && !u.denies(resp); ok {
				us.outage.end(noneReached)
			}
		}()
	}
	any := false
	for range list {
		if <-replies {
			any = true
			cancel()
		}
	}
	return any
}

// denies reports whether a response about a name that exists is the denial of an upstream
// that denies everything.
func (u *upstream) denies(m *dns.Msg) bool {
	u.proof.mu.Lock()
	defer u.proof.mu.Unlock()
	return u.proof.denies && len(m.Answer) == 0 && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError)
}

// silenceTime is how long upstreams have to show that they are not silent altogether.
const silenceTime = 500 * time.Millisecond

// silent reports whether no upstream answers anything, after none has since a time. Then
// there is an outage. Callers share the questions that find out.
func (us *upstreams) silent(ctx context.Context, since int64) bool {
	for _, u := range *us.list.Load() {
		if !u.silentSince(since) {
			return false
		}
	}
	o := &us.outage
	o.mu.Lock()
	p := o.probe
	if p == nil && o.on.Load() == 0 {
		p = &probe{ended: make(chan struct{})}
		if !us.background(func(ctx context.Context) {
			defer func() {
				o.mu.Lock()
				o.probe = nil
				o.mu.Unlock()
				close(p.ended)
			}()
			p.answered = us.answers(ctx, min(silenceTime, us.opt.AttemptTimeout))
		}) {
			p = nil
		}
		o.probe = p
	}
	o.mu.Unlock()
	if p == nil {
		return o.on.Load() != 0
	}
	select {
	case <-p.ended:
		return !p.answered
	case <-ctx.Done():
		return false
	}
}

// probe finds out whether the upstreams are silent.
type probe struct {
	ended    chan struct{} // closed at the end
	answered bool
}
