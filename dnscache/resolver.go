package dnscache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// ErrName is the Err of an answer to a question that cannot be put to the DNS:
// an empty label, a label over 63 or a name over 253 octets. Such a name
// cannot exist, so its Outcome is NXDomain.
var ErrName = errors.New("dnscache: name cannot exist in the DNS")

// errType is the Err of a question for a type that Answer has no field for.
var errType = errors.New("dnscache: type cannot be asked for")

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	opt      Options
	born     time.Time
	store    *store
	flights  *flights
	asking   *upstreams
	seen     *seen
	health   *health
	panics   *panics
	wire     *wire
	rereadAt atomic.Int64 // when ResolvConf is to be looked at again
}

// New returns a resolver, or an error that names the option that is wrong.
func New(o Options) (*Resolver, error) {
	o, err := o.settled()
	if err != nil {
		return nil, err
	}
	r := &Resolver{
		opt:    o,
		store:  newStore(o.MaxBytes),
		seen:   &seen{},
		panics: &panics{log: o.Logger},
	}
	r.flights = newFlights(o.MaxInFlight, r.panics)
	if o.Now != nil {
		r.born = o.Now()
	} else {
		r.born = time.Now()
	}
	r.health = &health{log: o.Logger, now: r.now, test: r.test, seed: r.store.seed}
	r.wire = &wire{buffers: sync.Pool{New: func() any { return new([4096]byte) }}}
	r.asking = &upstreams{attempt: o.AttemptTimeout, background: r.flights.background, panics: r.panics}
	addrs := o.Upstreams
	if o.ResolvConf != "" {
		if addrs = systemUpstreams(o.ResolvConf); len(addrs) == 0 {
			addrs = []string{localUpstream}
		}
	}
	r.asking.all.Store(&[]*upstream{})
	r.use(addrs)
	r.rereadAt.Store(int64(rereadEvery))
	r.asking.budget.Store(hedgeBudget)
	return r, nil
}

// use makes these the upstreams; what is known of those that stay is kept.
func (r *Resolver) use(addrs []string) {
	before := *r.asking.all.Load()
	all := make([]*upstream, 0, len(addrs))
	for _, addr := range addrs {
		at := slices.IndexFunc(before, func(u *upstream) bool { return u.text == addr })
		if at >= 0 {
			all = append(all, before[at])
		} else if e, err := parseEndpoint(addr); err == nil {
			all = append(all, newUpstream(e, r.wire, r.opt, r.now, r.flights.background))
		}
	}
	r.asking.all.Store(&all)
}

// rereadEvery is how long a change of ResolvConf may go unseen.
const rereadEvery = 5 * time.Second

// reread looks whether ResolvConf names other resolvers now, when that is due.
// A file that names none is being rewritten, or was lost; the resolvers that
// were known are better than none.
func (r *Resolver) reread() {
	due, now := r.rereadAt.Load(), r.now()
	if r.opt.ResolvConf == "" || now < due || !r.rereadAt.CompareAndSwap(due, now+int64(rereadEvery)) {
		return
	}
	addrs := systemUpstreams(r.opt.ResolvConf)
	before := *r.asking.all.Load()
	if len(addrs) == 0 || slices.EqualFunc(before, addrs, func(u *upstream, a string) bool { return u.text == a }) {
		return
	}
	r.use(addrs)
	r.opt.Logger.Info("dns resolvers changed", zap.String("file", r.opt.ResolvConf), zap.String("resolvers", strings.Join(addrs, ", ")))
}

// now is the time in ns since the resolver was made, on a clock that nobody
// sets back.
func (r *Resolver) now() int64 {
	if r.opt.Now == nil {
		return int64(time.Since(r.born))
	}
	return int64(r.opt.Now().Sub(r.born))
}

// Close ends all that the resolver started. Look-ups under way end with Timeout.
func (r *Resolver) Close() error {
	r.flights.close()
	return nil
}

// Lookup asks for the records of type t at name. It always returns an answer,
// at the latest when ctx or Options.Timeout ends.
//
// The name's labels are separated by dots, with or without one at the end; all
// other bytes stand for themselves (no escapes), and ASCII case does not
// matter. CNAMEs are followed.
//
// An answer from the cache costs no allocation and needs no time left in ctx.
// Callers that ask the same at the same time share one query; it goes on when
// one of them, or the last of them, gives up. Under a context of [CacheOnly]
// nobody is asked.
//
// A panic in the lookup, which is a fault of this program, becomes a failure with
// a [PanicError].
func (r *Resolver) Lookup(ctx context.Context, name string, t Type) (a *Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = r.broke(questionText(name[:min(len(name), maxName)], t), v)
		}
	}()
	// A name that is as the key has it needs no copy.
	if plain(name) {
		if e := r.store.find(r.store.hashOf(name, t), name, t); e != nil {
			if a := r.serve(e); a != nil {
				return a
			}
		}
	}
	return r.lookup(ctx, name, t)
}

// serve returns the answer of an entry, or nil if it must be asked for anew.
func (r *Resolver) serve(e *entry) *Answer {
	now := r.now()
	e.touch()
	switch {
	case e.fresh(now):
		if now >= e.refreshAt && e.freq.Load() >= refreshDemand && e.refreshing.CompareAndSwap(false, true) {
			r.refresh(e)
		}
		r.seen.hit(e.outcome)
		return &e.answer
	case now < e.quietUntil.Load() && e.usable(now):
		r.seen.add(&r.seen.stale)
		return e.staleAnswer()
	}
	return nil
}

// lookup is Lookup for any name and for what is not there.
func (r *Resolver) lookup(ctx context.Context, name string, t Type) *Answer {
	var buf [maxKey]byte
	a, hash, key := r.recall(&buf, name, t)
	if a != nil {
		return a
	}
	if recall := RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	return r.wait(ctx, hash, string(key))
}

// recall answers without asking, for any name. If it cannot, it returns nil and
// the key, written into buf, to ask for.
func (r *Resolver) recall(buf *[maxKey]byte, name string, t Type) (a *Answer, hash uint64, key []byte) {
	if key = writeKey(buf, name, t); key == nil {
		return &Answer{Outcome: NXDomain, Err: ErrName}, 0, nil
	}
	hash = r.store.hash(key)
	if e := r.store.get(hash, key); e != nil {
		if a := r.serve(e); a != nil {
			return a, hash, key
		}
	}
	if !possible(key) {
		return &Answer{Outcome: NXDomain, Err: ErrName}, hash, key
	}
	if cut := r.cut(key); cut != nil {
		r.seen.hit(NXDomain)
		return &cut.answer, hash, key
	}
	if !askable(t) {
		return &Answer{Outcome: ServFail, Err: fmt.Errorf("%w: %d", errType, t)}, hash, key
	}
	return nil, hash, key
}

// cut returns the entry that tells that the key's name, or with DNSSEC's word
// one above it, does not exist (RFC 8020).
func (r *Resolver) cut(key []byte) *entry {
	var now int64
	for at := 2; ; {
		var buf [maxKey]byte
		above := append(append(buf[:0], byte(cutType>>8), byte(cutType)), key[at:]...)
		if e := r.store.get(r.store.hash(above), above); e != nil {
			if now == 0 {
				now = r.now()
			}
			// Deviates: servers exist that say NXDOMAIN for a name that has
			// others below it, such as _domainkey. What no DNSSEC proof stands
			// behind says nothing about other names.
			if e.fresh(now) && (at == 2 || e.answer.Authentic) {
				e.touch()
				return e
			}
		}
		for at < len(key) && key[at] != '.' {
			at++
		}
		if at++; at >= len(key) {
			return nil
		}
	}
}

// flightGrace is how much later than the flight its first caller gives up.
const flightGrace = 50 * time.Millisecond

// wait joins the flight of a question, or starts it, and waits for its end.
func (r *Resolver) wait(ctx context.Context, hash uint64, key string) *Answer {
	// Waiting for room and for the answer share one deadline. A flight of our own
	// ends a little earlier and knows better what went wrong.
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout+flightGrace)
	defer cancel()
	f := r.flights.join(key)
	if f != nil {
		r.seen.add(&r.seen.joined)
	} else {
		r.seen.add(&r.seen.missed)
		var err error
		if f, err = r.begin(ctx, hash, key); err != nil {
			if a := r.known(hash, key); a != nil {
				return a
			}
			return gaveUp(key, err)
		}
	}
	select {
	case <-f.done:
		return f.answer
	default:
	}
	// RFC 8767 section 5: after a while a caller is better served by what was
	// known; the flight goes on and renews it.
	var late <-chan time.Time
	if r.old(hash, key) != nil {
		timer := time.NewTimer(min(r.opt.Timeout/3, 1800*time.Millisecond))
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-f.done:
			return f.answer
		case <-late:
			late = nil
			if a := r.known(hash, key); a != nil {
				return a
			}
		case <-ctx.Done():
			select {
			case <-f.done: // the flight's own deadline is the same
				return f.answer
			default:
			}
			r.flights.leave(key, f)
			if a := r.known(hash, key); a != nil {
				return a
			}
			return gaveUp(key, ctx.Err())
		}
	}
}

// begin starts the flight of a question when there is room for one more.
func (r *Resolver) begin(ctx context.Context, hash uint64, key string) (*flight, error) {
	f, err := r.flights.begin(ctx, key, 1, false, r.fly(hash, key))
	if !errors.Is(err, ErrBusy) {
		return f, err
	}
	r.seen.add(&r.seen.queued)
	return r.flights.begin(ctx, key, 1, true, r.fly(hash, key))
}

// refresh renews an entry ahead of its expiry, if there is room.
func (r *Resolver) refresh(e *entry) {
	if r.flights.count() > r.opt.MaxInFlight/2 {
		e.refreshing.Store(false)
		return
	}
	if _, err := r.flights.begin(context.Background(), e.key, 0, false, r.fly(e.hash, e.key)); err != nil {
		e.refreshing.Store(false)
		return
	}
	r.seen.add(&r.seen.refreshed)
}

// old returns the entry of a key that may be served although it has expired.
func (r *Resolver) old(hash uint64, key string) *entry {
	if e := r.store.get(hash, []byte(key)); e != nil && e.answer.Outcome.Known() && e.usable(r.now()) {
		return e
	}
	return nil
}

// known returns what is known without asking, as fresh or as stale as it is.
func (r *Resolver) known(hash uint64, key string) *Answer {
	e := r.old(hash, key)
	switch {
	case e == nil:
		return nil
	case e.fresh(r.now()):
		return &e.answer
	}
	r.seen.add(&r.seen.stale)
	return e.staleAnswer()
}

// gaveUp is the answer for a caller that stopped waiting.
func gaveUp(key string, err error) *Answer {
	return &Answer{Outcome: Timeout, Err: fmt.Errorf("dnscache: %s: %w", question(key), err)}
}

// question names a key's question for a person.
func question(key string) string {
	return questionText(key[2:], Type(key[0])<<8|Type(key[1]))
}

func questionText(name string, t Type) string {
	return strings.TrimSuffix(presentation(name), ".") + " " + t.String()
}
