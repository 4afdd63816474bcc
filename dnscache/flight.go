package dnscache

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var (
	// ErrClosed is the Err of look-ups that end because the resolver is closed.
	ErrClosed = errors.New("dnscache: resolver is closed")
	// ErrBusy is the Err of look-ups that found no room among the questions in
	// flight within their time.
	ErrBusy = errors.New("dnscache: too many questions in flight")
)

// flight is one question on its way. Any number of callers wait for it; none
// of them can end it.
type flight struct {
	done   chan struct{}
	answer *Answer // set when done is closed
	epoch  uint64
}

// flights sees to it that each question is under way once.
type flights struct {
	room chan struct{} // one token per question in flight

	mu     sync.Mutex
	under  map[string]*flight // by key
	epoch  uint64             // counts flushes; answers asked before one are not kept
	closed bool
	all    sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

func newFlights(most int) *flights {
	f := &flights{room: make(chan struct{}, most), under: map[string]*flight{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// find returns the flight of a key that is under way, if there is one.
func (fs *flights) find(key string) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.under[key]
}

// begin starts the flight of a key, or returns the one that began meanwhile.
// It waits for room until ctx ends; without wait it returns nil if there is
// none. fly must return, at the latest when its context ends, after it has set
// the flight's answer.
func (fs *flights) begin(ctx context.Context, key string, wait bool, fly func(context.Context, *flight)) (*flight, error) {
	select {
	case fs.room <- struct{}{}:
	default:
		if !wait {
			return nil, ErrBusy
		}
		select {
		case fs.room <- struct{}{}:
		case <-fs.ctx.Done():
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.under[key]; f != nil || fs.closed {
		<-fs.room
		if fs.closed {
			return nil, ErrClosed
		}
		return f, nil
	}
	f := &flight{done: make(chan struct{}), epoch: fs.epoch}
	fs.under[key] = f
	fs.all.Add(1)
	go func() {
		defer fs.all.Done()
		defer func() { <-fs.room }()
		fly(fs.ctx, f)
		fs.mu.Lock()
		if fs.under[key] == f {
			delete(fs.under, key)
		}
		fs.mu.Unlock()
		close(f.done)
	}()
	return f, nil
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
	fs.all.Add(1)
	go func() { defer fs.all.Done(); f(fs.ctx) }()
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
func (fs *flights) count() int { return len(fs.room) }
