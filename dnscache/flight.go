package dnscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is the Err of lookups that end because the resolver is closed.
var ErrClosed = errors.New("dnscache: resolver is closed")

// errBusy is the Err of lookups that found no free slot for their question in
// time.
var errBusy = errors.New("dnscache: too many questions in flight")

// flight is one question while the upstreams are queried. Any number of callers wait for
// it, and none of them can end it for the others.
type flight struct {
	key     key
	done    chan struct{}
	answer  *Answer // set when done is closed
	flushes uint64  // at its start
	cancel  context.CancelFunc
	// unanswered is true while the resolvers fail, rather than the name.
	unanswered atomic.Bool
	// waiting counts the callers, protected by flights.mu. A flight for which no caller
	// ever waited, such as a refresh, is not cancelled.
	waiting int
}

// urgentKey marks the context of urgent lookups.
type urgentKey struct{}

// Urgent returns a context whose lookups may also use the last quarter of
// Options.MaxInFlight, which is reserved for them. It is for the few questions on which
// everything depends, so that many slow ones cannot delay them. They are also the first of
// their [Group].
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// flights has one flight for each question in flight, and bounds their number.
type flights struct {
	slots   turns         // one per question in flight
	reserve chan struct{} // holds one value per urgent question that found no free slot
	work    chan func()   // to idle workers
	panics  *panics

	mu      sync.Mutex
	byKey   map[key]*flight
	flushes uint64 // answers to questions from before the last flush are not kept
	closed  bool
	all     sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

func newFlights(most int, p *panics) *flights {
	fs := &flights{
		slots: turns{limit: most - most/4}, reserve: make(chan struct{}, most/4),
		work: make(chan func()), panics: p, byKey: map[key]*flight{},
	}
	fs.ctx, fs.cancel = context.WithCancel(context.Background())
	return fs
}

// join returns the flight of a question if there is one, and counts the caller
// as waiting for it.
func (fs *flights) join(k *key) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.byKey[*k]
	if f != nil {
		f.waiting++
	}
	return f
}

// leave records that a caller no longer waits. A flight without callers continues, since its
// answer may be needed soon, unless slots are scarce.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiting--; f.waiting > 0 || !fs.scarce() {
		return
	}
	f.cancel()
	fs.removeLocked(f) // no further caller may join it
}

func (fs *flights) removeLocked(f *flight) {
	if fs.byKey[f.key] == f {
		delete(fs.byKey, f.key)
	}
}

// scarce reports whether most slots are taken.
func (fs *flights) scarce() bool {
	taken, _ := fs.slots.counts()
	return taken > fs.slots.limit/2 || len(fs.reserve) > 0
}

// acquire takes a slot and returns the function that frees it. If no slot is free, it
// waits for one until ctx ends, in the order of [Group]; if wait is false, it returns
// errBusy at once.
func (fs *flights) acquire(ctx context.Context, wait bool) (release func(), err error) {
	if fs.slots.try() {
		return fs.slots.giveBack, nil
	}
	if !wait {
		return nil, errBusy
	}
	var reserve chan struct{} // nil, and so never ready
	if ctx.Value(urgentKey{}) != nil {
		reserve = fs.reserve
	}
	w := fs.slots.wait(ctx)
	select {
	case <-w.ready:
		return fs.slots.giveBack, nil
	case reserve <- struct{}{}:
		fs.slots.leave(w)
		return func() { <-fs.reserve }, nil
	case <-fs.ctx.Done():
		err = ErrClosed
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errBusy, ctx.Err())
	}
	fs.slots.leave(w)
	return nil, err
}

// start starts the flight of a question, or joins the one that another caller started
// meanwhile. It takes a slot as acquire does. resolve returns the flight's answer when its
// context ends at the latest.
func (fs *flights) start(ctx context.Context, k *key, callers int, wait bool, resolve func(context.Context, *flight) *Answer) (*flight, error) {
	release, err := fs.acquire(ctx, wait)
	if err != nil {
		return nil, err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		release()
		return nil, ErrClosed
	}
	if f := fs.byKey[*k]; f != nil {
		release()
		f.waiting += callers
		return f, nil
	}
	f := &flight{key: *k, done: make(chan struct{}), flushes: fs.flushes, waiting: callers}
	var alive context.Context
	alive, f.cancel = context.WithCancel(fs.ctx)
	alive = turnOf(alive, ctx)
	fs.byKey[*k] = f
	fs.runLocked(func() {
		defer release()
		defer f.cancel()
		f.answer = resolve(alive, f)
		fs.mu.Lock()
		fs.removeLocked(f)
		fs.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

// workerIdle is how long a worker waits for the next flight. Its stack already has the size
// that a flight needs. Growing the stack of a new goroutine would cost as much as the rest
// of a flight.
const workerIdle = 100 * time.Millisecond

// runLocked runs f on an idle worker or on a new one.
func (fs *flights) runLocked(f func()) {
	fs.all.Add(1)
	select {
	case fs.work <- f:
	default:
		go fs.worker(f)
	}
}

func (fs *flights) worker(f func()) {
	idle := time.NewTimer(workerIdle)
	defer idle.Stop()
	for {
		f()
		fs.all.Done()
		idle.Reset(workerIdle)
		select {
		case f = <-fs.work:
		case <-idle.C:
			return
		case <-fs.ctx.Done():
			return
		}
	}
}

// flushed returns how often something was flushed.
func (fs *flights) flushed() uint64 {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.flushes
}

// unlessFlushed calls store if nothing was flushed since flushed returned before, and
// reports whether it did.
func (fs *flights) unlessFlushed(before uint64, store func()) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if before != fs.flushes {
		return false
	}
	store()
	return true
}

// flush calls drop, which removes entries from the store, and returns its result. Later
// callers do not join earlier flights, and the answers of those are not kept.
func (fs *flights) flush(drop func() int) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.flushes++
	clear(fs.byKey)
	return drop()
}

// background runs f beside the flights. It returns false if the resolver is
// closed.
func (fs *flights) background(f func(context.Context)) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return false
	}
	fs.all.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				fs.panics.caught("dns work in the background", v)
			}
		}()
		f(fs.ctx)
	})
	return true
}

// close cancels all flights and waits until they have ended.
func (fs *flights) close() {
	fs.mu.Lock()
	fs.closed = true
	fs.mu.Unlock()
	fs.cancel()
	fs.all.Wait()
}

// count returns how many questions are in flight.
func (fs *flights) count() int {
	taken, _ := fs.slots.counts()
	return taken + len(fs.reserve)
}
