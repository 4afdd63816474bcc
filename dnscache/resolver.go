package dnscache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrName is the Err of an answer for a name that cannot exist: one with an empty label or a
// label of more than 63 octets, or of more than 253 octets. The Outcome is NXDomain.
var ErrName = errors.New("dnscache: name cannot exist in the DNS")

// errType is the Err of a question for a type that Answer has no field for.
var errType = errors.New("dnscache: type cannot be asked for")

// Resolver answers lookups. It is safe for concurrent use.
type Resolver struct {
	opt       Options
	start     time.Time // when the clock was 0
	store     *store
	flights   *flights
	upstreams *upstreams
	counters  *counters
	health    *health
	panics    *panics
	failing   failing
	watching  atomic.Bool // watch runs
	// recoveredAt is when a question was last answered after a SERVFAIL, 0 if never.
	recoveredAt atomic.Int64
}

// New returns a resolver, or an error that names the invalid option.
func New(o Options) (*Resolver, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Resolver{opt: o, store: newStore(o.MaxBytes), counters: &counters{}, panics: &panics{log: o.Logger}}
	r.start = r.wallClock()
	r.flights = newFlights(o.MaxInFlight, r.panics)
	r.upstreams = &upstreams{
		opt: o, now: r.now, udp: newUDPClient(), panics: r.panics, background: r.flights.background,
		outage: outage{now: r.now}, denied: r.forgetNegative,
	}
	r.health = &health{log: o.Logger, now: r.now, test: r.test, seed: r.store.seed, watch: r.watch, forget: r.upstreams.outage.forget}
	r.upstreams.init()
	return r, nil
}

// Close ends the resolver's goroutines and connections. Waiting lookups end with Timeout.
func (r *Resolver) Close() error {
	r.flights.close()
	return nil
}

// now returns the time since the resolver was created, in ns on a monotonic clock.
func (r *Resolver) now() int64 {
	if r.opt.Now == nil {
		return int64(time.Since(r.start))
	}
	return int64(r.opt.Now().Sub(r.start))
}

// wallClock returns the time of day.
func (r *Resolver) wallClock() time.Time {
	if r.opt.Now != nil {
		return r.opt.Now()
	}
	return time.Now()
}

// Lookup looks up the records of type t at name, and follows CNAMEs. It always returns an
// answer, when ctx or Options.Timeout ends at the latest.
//
// Dots separate the labels of the name. A final dot makes no difference. There are no
// escapes, and the case of ASCII letters does not matter.
//
// An answer from the cache needs no allocation, and is returned also if ctx has ended.
// Concurrent lookups of the same question share one query, which continues when a caller
// gives up. Under a context of [CacheOnly] there are no queries.
//
// A lookup that panics fails with a [PanicError].
func (r *Resolver) Lookup(ctx context.Context, name string, t Type) (a *Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = r.panicked(questionText(name[:min(len(name), maxName)], t), v)
		}
	}()
	if normalized(name) { // most names need no copy
		if e := r.store.find(r.store.hash(name, t), name, t); e != nil {
			if a := r.cached(e); a != nil {
				return a
			}
		}
	}
	return r.lookup(ctx, name, t)
}

// lookup is Lookup for any name, and for questions that the cache cannot answer.
func (r *Resolver) lookup(ctx context.Context, name string, t Type) *Answer {
	var buf [maxName]byte
	norm, ok := normalize(&buf, name)
	if !ok {
		return &Answer{Outcome: NXDomain, Err: ErrName}
	}
	hash := r.store.hashBytes(norm, t)
	if e := r.store.findBytes(hash, norm, t); e != nil {
		if a := r.cached(e); a != nil {
			return a
		}
	}
	if !validLabels(norm) {
		return &Answer{Outcome: NXDomain, Err: ErrName}
	}
	if e := r.nonexistent(norm); e != nil {
		r.counters.hit(NXDomain)
		return e.answer
	}
	if !supported(t) {
		return &Answer{Outcome: ServFail, Err: fmt.Errorf("%w: %d", errType, t)}
	}
	if recall := RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	k := newKey(hash, norm, t)
	return r.fill(ctx, &k)
}

// cached returns the answer of an entry, or nil if the upstreams must be queried.
func (r *Resolver) cached(e *entry) *Answer {
	now := r.now()
	e.touch()
	switch {
	case !e.outcome.Known() && r.forgotten(e):
		return nil
	case now < e.refreshAt:
	case e.fresh(now):
		if e.uses.Load() >= refreshUses && e.refreshing.CompareAndSwap(false, true) {
			r.refresh(e)
		}
	case e.usable(now) && now < e.retryAt.Load() && !r.forgotten(e):
		r.counters.stale.Add(1)
		return e.stale()
	default:
		return nil
	}
	r.counters.hit(e.outcome)
	return e.answer
}

// forgotten reports whether the last failure for an entry is from before the end of an
// outage, so that it no longer counts.
func (r *Resolver) forgotten(e *entry) bool {
	failedUntil := e.retryAt.Load()
	if !e.outcome.Known() {
		failedUntil = e.expires
	}
	return failedUntil-int64(r.opt.FailureTTL) < r.upstreams.outage.endedAt.Load()
}

// forgetNegative drops the negative answers, some of which an upstream that denies
// everything may have given.
func (r *Resolver) forgetNegative() {
	r.flights.flush(func() int {
		return r.store.remove(func(e *entry) bool { return e.outcome.Void() })
	})
}

// nonexistent returns the entry that proves that a name does not exist; nil if there is none. It is
// an NXDOMAIN for the name itself, or an authentic one for a name above (RFC 8020).
//
// Deviates from RFC 8020: some servers answer NXDOMAIN for a name with others below it, such
// as _domainkey. So an NXDOMAIN that is not authentic does not hold for names below.
func (r *Resolver) nonexistent(name []byte) *entry {
	now := int64(-1)
	for above := name; ; {
		if e := r.store.findBytes(r.store.hashBytes(above, anyType), above, anyType); e != nil {
			if now < 0 {
				now = r.now()
			}
			if e.fresh(now) && (len(above) == len(name) || e.answer.Authentic) {
				e.touch()
				return e
			}
		}
		for len(above) > 0 && above[0] != '.' {
			above = above[1:]
		}
		if len(above) < 2 {
			return nil
		}
		above = above[1:]
	}
}

// panicked returns the answer of a lookup that panicked. It is not kept in the cache.
func (r *Resolver) panicked(question string, value any) *Answer {
	err := r.panics.caught("dns lookup of "+question, value)
	return &Answer{Outcome: ServFail, Err: fmt.Errorf("dnscache: %s: %w", question, err)}
}
