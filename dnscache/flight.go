package dnscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrClosed is the Err of look-ups that end because the resolver is closed.
	ErrClosed = errors.New("dnscache: resolver is closed")
	// ErrBusy is the Err of look-ups that found no room among the questions in
	// flight within their time.
	ErrBusy = errors.New("dnscache: too many questions in flight")
)

// flight is one question on its way. Any number of callers wait for it; none
// of them can end it for the others.
type flight struct {
	done   chan struct{}
	answer *Answer // set when done is closed
	epoch  uint64
	cancel context.CancelFunc
	// waiting counts the callers, under flights.mu. A flight that nobody began
	// to wait for, such as a refresh, is never given up.
	waiting int
}

// urgentKey marks the context of look-ups that others must not crowd out.
type urgentKey struct{}

// Urgent returns a context whose look-ups may also use the last quarter of
// Options.MaxInFlight, which others leave free. It is for the few questions that
// all depends on, so that a crowd of slow ones cannot keep them from the wire.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// flights sees to it that each question is under way once.
type flights struct {
	room chan struct{} // one token per question in flight
	rest chan struct{} // the same, for urgent ones that find no room
	work chan func()   // to goroutines that wait for it
	// panics takes those of what runs in the background.
	panics *panics

	mu     sync.Mutex
	under  map[string]*flight // by key
	epoch  uint64             // counts flushes; answers asked before one are not kept
	closed bool
	all    sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

func newFlights(most int, p *panics) *flights {
	f := &flights{
		panics: p,
		room:   make(chan struct{}, most-most/4), rest: make(chan struct{}, most/4),
		work: make(chan func()), under: map[string]*flight{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// join returns the flight of a key that is under way, if there is one, and
// counts the caller among those who wait for it.
func (fs *flights) join(key string) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.under[key]
	if f != nil {
		f.waiting++
	}
	return f
}

// leave tells that a caller waits no longer. A flight that nobody waits for goes
// on, as its answer may be wanted soon, unless the room is getting scarce.
func (fs *flights) leave(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiting--; f.waiting > 0 || len(fs.room) <= cap(fs.room)/2 && len(fs.rest) == 0 {
		return
	}
	f.cancel()
	if fs.under[key] == f { // who asks now must not meet its end
		delete(fs.under, key)
	}
}

// enter takes room for a flight and returns what gives it back.
func (fs *flights) enter(ctx context.Context, wait bool) (leave func(), err error) {
	room := func() { <-fs.room }
	select {
	case fs.room <- struct{}{}:
		return room, nil
	default:
	}
	if !wait {
		return nil, ErrBusy
	}
	var rest chan struct{} // nil, and so never ready
	if ctx.Value(urgentKey{}) != nil {
		rest = fs.rest
	}
	select {
	case fs.room <- struct{}{}:
		return room, nil
	case rest <- struct{}{}:
		return func() { <-fs.rest }, nil
	case <-fs.ctx.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// begin starts the flight of a key, or returns the one that began meanwhile.
// callers is how many wait for its end. It waits for room until ctx ends; without wait it returns nil if there is
// none. fly must return, at the latest when its context ends, after it has set
// the flight's answer.
func (fs *flights) begin(ctx context.Context, key string, callers int, wait bool, fly func(context.Context, *flight)) (*flight, error) {
	leave, err := fs.enter(ctx, wait)
	if err != nil {
		return nil, err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.under[key]; f != nil || fs.closed {
		leave()
		if fs.closed {
			return nil, ErrClosed
		}
		f.waiting += callers
		return f, nil
	}
	f := &flight{done: make(chan struct{}), epoch: fs.epoch, waiting: callers}
	var alive context.Context
	alive, f.cancel = context.WithCancel(fs.ctx)
	fs.under[key] = f
	fs.startLocked(func() {
		defer leave()
		defer f.cancel()
		fly(alive, f)
		fs.mu.Lock()
		if fs.under[key] == f {
			delete(fs.under, key)
		}
		fs.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

// workerIdle is how long a goroutine waits for the next flight. Its stack has
// grown to what a flight takes; a new one would have to grow first, which costs
// as much as all else that a flight does here.
const workerIdle = 100 * time.Millisecond

// startLocked runs f on a goroutine that waits for work, or on a new one.
func (fs *flights) startLocked(f func()) {
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

// keep runs store if nothing was flushed since f began.
func (fs *flights) keep(f *flight, store func()) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.epoch == fs.epoch {
		store()
	}
}

// forget makes later callers ask anew, and what is under way not be kept; drop
// empties the store meanwhile.
func (fs *flights) forget(drop func() int) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.epoch++
	clear(fs.under)
	return drop()
}

// background runs f beside the flights; false if the resolver is closed.
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

// close ends all flights and waits until they have ended.
func (fs *flights) close() {
	fs.mu.Lock()
	fs.closed = true
	fs.mu.Unlock()
	fs.cancel()
	fs.all.Wait()
}

// count returns how many questions are in flight.
func (fs *flights) count() int { return len(fs.room) + len(fs.rest) }
