package dnscache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrName is the Err of an answer to a question that cannot be put to the DNS: an
// empty label, a label over 63 octets, or a name over 253. Such a name cannot
// exist, so the Outcome is NXDomain.
var ErrName = errors.New("dnscache: name cannot exist in the DNS")

// errType is the Err of a question for a type that Answer has no field for.
var errType = errors.New("dnscache: type cannot be asked for")

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	opt       Options
	start     time.Time // when the clock was 0
	store     *store
	flights   *flights
	upstreams *upstreams
	counters  *counters
	health    *health
	panics    *panics
}

// New returns a resolver, or an error that names the option that is wrong.
func New(o Options) (*Resolver, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Resolver{opt: o, store: newStore(o.MaxBytes), counters: &counters{}, panics: &panics{log: o.Logger}}
	r.start = r.wallClock()
	r.flights = newFlights(o.MaxInFlight, r.panics)
	r.health = &health{log: o.Logger, now: r.now, test: r.test, seed: r.store.seed}
	r.upstreams = &upstreams{opt: o, now: r.now, udp: newUDPClient(), panics: r.panics, background: r.flights.background}
	r.upstreams.init()
	return r, nil
}

// Close ends all that the resolver started. Lookups that wait end with Timeout.
func (r *Resolver) Close() error {
	r.flights.close()
	return nil
}

// now returns the time since the resolver was made in ns, by a clock that nobody
// sets back.
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

// Lookup asks for the records of type t at name. It always returns an answer, at
// the latest when ctx or Options.Timeout ends.
//
// Dots separate the labels of the name; one at the end makes no difference. All
// other octets stand for themselves, there are no escapes. Upper and lower case of
// ASCII letters are the same. CNAMEs are followed.
//
// An answer from the cache needs no allocation, and no time left in ctx. Callers
// that ask the same question at the same time share one query, which goes on when
// one of them gives up. Under a context of [CacheOnly] nobody is asked.
//
// A panic in the lookup, which is a fault of this program, makes it fail with a
// [PanicError].
func (r *Resolver) Lookup(ctx context.Context, name string, t Type) (a *Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = r.panicked(questionText(name[:min(len(name), maxName)], t), v)
		}
	}()
	if normalized(name) { // most names are; they need no copy
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

// cached returns the answer of an entry, or nil if the question must be asked
// again.
func (r *Resolver) cached(e *entry) *Answer {
	now := r.now()
	e.touch()
	switch {
	case now < e.refreshAt:
	case e.fresh(now):
		if e.uses.Load() >= refreshUses && e.refreshing.CompareAndSwap(false, true) {
			r.refresh(e)
		}
	case e.usable(now) && now < e.retryAt.Load():
		r.counters.stale.Add(1)
		return e.stale()
	default:
		return nil
	}
	r.counters.hit(e.outcome)
	return e.answer
}

// nonexistent returns the entry which says that a name does not exist. That is an
// NXDOMAIN for the name itself, or one for a name above that DNSSEC proves (RFC
// 8020).
//
// Deviates from RFC 8020: servers exist that answer NXDOMAIN for a name with others
// below it, such as _domainkey. So without a proof it says nothing about other
// names.
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

// panicked returns the answer of a lookup that panicked. It is not kept: it says
// nothing about the name, nor about the resolvers.
func (r *Resolver) panicked(question string, value any) *Answer {
	err := r.panics.caught("dns lookup of "+question, value)
	return &Answer{Outcome: ServFail, Err: fmt.Errorf("dnscache: %s: %w", question, err)}
}
