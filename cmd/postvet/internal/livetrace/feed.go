// Package livetrace passes the traces of live messages on to those who watch.
//
// The filter asks a [Feed] whether a client's messages are traced, and tells it each
// decision. While nobody watches, either costs one load of an atomic pointer. Each
// watcher has a queue, bounded in messages and octets. What does not fit is left out
// and counted, so a watcher that reads slowly delays no mail.
package livetrace

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/filter"
)

// MaxWatchers is how many may watch at once.
const MaxWatchers = 4

// Bounds of what a watcher may keep waiting, and of a trace.
const (
	maxMessages = 64      // in the queue of a watcher
	maxBytes    = 8 << 20 // in the queue of a watcher, as JSON
	largest     = 1 << 20 // a message for which there is always room, or none is encoded
	maxEvents   = 1000    // in the trace of a message
)

// ErrBusy is the error for one watcher too many.
var ErrBusy = errors.New("livetrace: there are as many watchers as there may be")

// Feed knows who watches. The zero value is ready. It is safe for concurrent use.
type Feed struct {
	watchers atomic.Pointer[[]*Watcher] // nil while nobody watches; its list never changes
	mu       sync.Mutex                 // of who replaces it
}

// Watched reports whether anybody watches.
func (f *Feed) Watched() bool { return f.watchers.Load() != nil }

// Wants reports whether anybody may want the messages of a client that connects.
func (f *Feed) Wants(ip netip.Addr) bool {
	return slices.ContainsFunc(f.list(), func(w *Watcher) bool { return w.filter.wants(ip) })
}

// Message passes a decision on to who wants it.
func (f *Feed) Message(d *filter.Decision) {
	for _, w := range f.list() {
		w.offer(d)
	}
}

func (f *Feed) list() []*Watcher {
	if all := f.watchers.Load(); all != nil {
		return *all
	}
	return nil
}

// Watch begins to watch the messages of a filter, until Close. Next ends after a
// duration, and after count messages unless count is 0.
func (f *Feed) Watch(filter Filter, duration time.Duration, count int) (*Watcher, error) {
	w := &Watcher{
		feed: f, filter: filter, queue: make(chan []byte, maxMessages),
		until: time.Now().Add(duration), timer: time.NewTimer(duration), count: count,
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.list()
	if len(all) >= MaxWatchers {
		w.timer.Stop()
		return nil, ErrBusy
	}
	all = append(slices.Clone(all), w)
	f.watchers.Store(&all)
	return w, nil
}

// forget ends what Watch began.
func (f *Feed) forget(w *Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(f.list()), func(x *Watcher) bool { return x == w })
	if len(all) == 0 {
		f.watchers.Store(nil)
		return
	}
	f.watchers.Store(&all)
}
