// Package rotation moves the keys of a directory through their lives.
//
// A [Keeper] looks at what the name servers show of each key, and draws the conclusions:
// a new key signs once all servers have shown it for as long as others may remember that
// it was not there; the former one then retires, and is revoked and removed when no mail
// that it signed can be under way. Where the administrator lets it, it makes the successors
// itself, and publishes and removes the records.
//
// Each step can be repeated: what is wanted is compared with what is there, and a step that
// was made is not made again. So a process may end at any moment, and several may run, of
// which one acts. A DNS failure changes nothing.
package rotation

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
)

// Options configure a Keeper.
type Options struct {
	Plan   Plan
	States *states.States
	// Dir is the directory of the keys; Strict as in [keys.Options].
	Dir    string
	Strict bool
	// Ask asks all name servers of a name, as [servers.Servers.Ask] does.
	Ask func(ctx context.Context, name string) (*servers.View, error)
	// Made is called for each domain that gets a new key; nil for nobody.
	Made func(domain string)
	// Publisher publishes and removes records; nil if a person does.
	Publisher publication.Publisher
	// RevealDir is where the private halves of old keys are published, if the plan is to.
	RevealDir string
	Pace      Pace
	Now       func() time.Time
	Log       *zap.Logger
}

// Pace says how often a Keeper looks. A zero field means its default.
type Pace struct {
	// Pending is for a key that may be shown at any moment, Slow for one that was not for
	// an hour, Settled for all others, Published for one whose record was just changed.
	Pending, Slow, Settled, Published time.Duration
	// Failed is before a step that failed is tried again.
	Failed time.Duration
}

func (p Pace) withDefaults() Pace {
	for _, x := range []struct {
		field *time.Duration
		value time.Duration
	}{{&p.Pending, time.Minute}, {&p.Slow, 10 * time.Minute}, {&p.Settled, 6 * time.Hour}, {&p.Published, 5 * time.Second}, {&p.Failed, 10 * time.Minute}} {
		if *x.field == 0 {
			*x.field = x.value
		}
	}
	return p
}

// Bounds of one step.
const (
	maxLooks  = 32                     // at keys
	parallel  = 4                      // of them at a time
	maxBegun  = 5                      // rotations
	lookTime  = 30 * time.Second       // at what the servers show; a publisher has a bound of its own
	spreadOut = 100 * time.Millisecond // between the first looks, on average
)

// Keeper moves keys. Step must not be called twice at the same time.
type Keeper struct {
	opt     Options
	watches map[string]*watch    // by ID
	begin   map[string]time.Time // when a rotation that failed is tried again, by domain and type
	// beginNext is when rotations that are due are looked for again.
	beginNext time.Time
	release   func() // of the lock, nil without it
	unread    states.Fault
	stats     atomic.Pointer[Stats]
	counts    counts
}

// watch is what is remembered of a key between looks. It is not kept over restarts.
type watch struct {
	next    time.Time // look
	last    time.Time // when the look before was, zero without one
	publish time.Time // when its record may be changed again
}

// New returns a Keeper.
func New(o Options) *Keeper {
	o.Pace = o.Pace.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Keeper{opt: o, watches: map[string]*watch{}, begin: map[string]time.Time{}}
}

// Close lets another process move the keys.
func (k *Keeper) Close() {
	if k.release != nil {
		k.release()
		k.release = nil
	}
}

// Step looks at the keys that are due, moves them, and begins the rotations that are due.
func (k *Keeper) Step(ctx context.Context) {
	if err := k.opt.States.Refresh(); k.unread.Tell(err, k.opt.Now()) {
		k.opt.Log.Warn("states of keys not read", zap.Error(err))
	}
	defer k.count()
	if !k.alone() {
		return
	}
	due := k.due()
	looks := make([]look, len(due))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, id := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			looks[i] = k.look(ctx, id)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return // what failed says nothing
	}
	k.apply(looks)
	k.beginDue(ctx)
}

// alone reports whether this process is the one that moves keys.
func (k *Keeper) alone() bool {
	if k.release != nil {
		return true
	}
	release, alone, err := k.opt.States.Alone()
	if err != nil {
		k.opt.Log.Warn("keys are not moved through their lives", zap.Error(err))
	}
	if alone {
		k.release = release
	}
	return alone
}

// due returns the keys to look at now, the longest due first.
func (k *Keeper) due() []string {
	now := k.opt.Now()
	var list []string
	total := 0
	k.opt.States.Each(func(string, states.Key) { total++ })
	k.opt.States.Each(func(id string, s states.Key) {
		if s.Type == "" || s.Now() == states.Revealed || s.Now() == states.Gone && s.Successor == "" {
			return
		}
		w := k.watches[id]
		if w == nil {
			w = &watch{}
			if s.Now() != states.Pending { // so that a start does not ask for all at once
				w.next = now.Add(time.Duration(rand.Int64N(int64(min(k.opt.Pace.Settled, time.Duration(total)*spreadOut)) + 1)))
			}
			k.watches[id] = w
		}
		if s.Now() == states.Pending && w.next.Sub(now) > k.opt.Pace.Slow { // it was settled before
			w.next = now
		}
		if !w.next.After(now) || w.next.Sub(now) > 2*k.opt.Pace.Settled { // the clock went back
			list = append(list, id)
		}
	})
	slices.SortFunc(list, func(a, b string) int { return k.watches[a].next.Compare(k.watches[b].next) })
	return list[:min(len(list), maxLooks)]
}

// look is what was seen of one key.
type look struct {
	id      string
	shown   keys.Shown
	err     error // nobody could be asked
	changed bool  // its record was changed after the look
	problem string
}

// look asks the name servers for a key, and changes its record if that is due.
func (k *Keeper) look(ctx context.Context, id string) look {
	l := look{id: id}
	s, _ := k.opt.States.Get(id)
	asking, cancel := context.WithTimeout(ctx, lookTime)
	view, err := k.opt.Ask(asking, s.Name)
	cancel()
	if err != nil {
		l.err = err
		return l
	}
	l.shown = keys.Compare(view, fingerprintOf(id))
	l.changed, err = k.publish(ctx, id, s, l.shown)
	if err != nil {
		l.problem = err.Error()
	}
	return l
}

// apply moves the keys that were looked at.
func (k *Keeper) apply(looks []look) {
	now := k.opt.Now()
	looked, next := map[string]states.Key{}, map[string]states.Key{}
	for _, l := range looks {
		w := k.watches[l.id]
		before, _ := k.opt.States.Get(l.id)
		after := before
		if l.err != nil {
			after.Problem = "its name servers could not be asked: " + l.err.Error()
			w.last = time.Time{}
		} else {
			after = k.opt.Plan.move(before, l.shown, k.elapsed(w, now), now)
			w.last = now
		}
		if l.problem != "" {
			after.Problem = l.problem
			k.opt.Log.Warn("record of a key not changed", zap.String("key", before.Name), zap.String("problem", l.problem))
		}
		w.next = now.Add(k.interval(after, l, now))
		if after != before {
			looked[l.id], next[l.id] = before, after
		}
	}
	if len(next) == 0 {
		return
	}
	before := map[string]states.Key{}
	var after map[string]states.Key
	err := k.opt.States.Update(func(known map[string]states.Key) {
		for id, to := range next {
			from, ok := known[id]
			if !ok || from.Now() != looked[id].Now() || from.Rotation != looked[id].Rotation { // somebody has moved it meanwhile
				continue
			}
			before[id] = from
			to.Signed = from.Signed
			known[id] = to
			if to.State == states.Active && from.Now() == states.Pending && to.Rotation {
				for _, other := range retireFormer(known, id, now) {
					before[other] = states.Key{Name: known[other].Name, State: states.Active}
				}
			}
		}
		after = map[string]states.Key{}
		for id := range before {
			after[id] = known[id]
		}
	})
	if err != nil {
		k.opt.Log.Warn("states of keys not saved", zap.Error(err))
		return
	}
	for id, from := range before {
		k.moved(id, from, after[id])
	}
}

// elapsed is the time since the last look. A longer one than was planned was not observed:
// the machine slept, or its clock jumped.
func (k *Keeper) elapsed(w *watch, now time.Time) time.Duration {
	if w.last.IsZero() {
		return 0
	}
	return min(max(now.Sub(w.last), 0), w.next.Sub(w.last)+time.Minute)
}

// interval is the time until the next look.
func (k *Keeper) interval(s states.Key, l look, now time.Time) time.Duration {
	p := k.opt.Pace
	wait := p.Settled
	switch s.Now() {
	case states.Pending:
		if wait = p.Slow; now.Sub(s.Since) < time.Hour || s.Waited > 0 {
			wait = p.Pending
		}
		if s.Waited > 0 {
			wait = min(wait, max(min(l.shown.NegativeTTL, maxNegative)-s.Waited, time.Second))
		}
	case states.Retiring:
		wait = min(wait, max(k.opt.Plan.Keep+l.shown.TTL-s.Waited, p.Pending))
	case states.Revoked:
		wait = min(wait, max(k.opt.Plan.Revoked+l.shown.TTL-s.Waited, p.Pending))
	}
	switch {
	case l.changed:
		wait = min(wait, p.Published)
	case l.err != nil, l.problem != "", l.shown.Any(keys.SeesNothing):
		wait = min(wait, p.Failed)
	}
	return wait
}

// moved reports a change of a state, and does what belongs to it.
func (k *Keeper) moved(id string, from, to states.Key) {
	if from.Now() == to.Now() {
		if to.Problem != "" && from.Problem != to.Problem {
			k.opt.Log.Warn("a key is not shown as it should be", zap.String("key", to.Name), zap.String("state", string(to.Now())), zap.String("problem", to.Problem))
		}
		return
	}
	fields := []zap.Field{zap.String("key", to.Name), zap.String("from", string(from.Now())), zap.String("to", string(to.Now()))}
	if w := k.watches[id]; w != nil && to.Now() != states.Active {
		w.next = k.opt.Now()
	}
	if from.Now() == states.Active && to.Now() == states.Pending {
		k.opt.Log.Warn("a key signs no more, the DNS does not show it", append(fields, zap.String("problem", to.Problem))...)
		return
	}
	k.opt.Log.Info("a key has a new state", fields...)
}
