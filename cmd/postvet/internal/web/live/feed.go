package live

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Every is how often new messages are passed on. Viewers get those that came meanwhile at
// once, since each write costs as much as many messages.
const Every = 250 * time.Millisecond

// maxWaiting bounds the parts that a viewer may be behind.
const maxWaiting = 16

// Feed passes the messages of a Ring on. It is safe for concurrent use.
type Feed struct {
	ring   *Ring
	render func(*bytes.Buffer, *Message) error
	// began tells the numbers of this process from those of another one.
	began string

	mu      sync.Mutex
	viewers map[*Viewer]bool
	stop    chan struct{} // closed to end the goroutine that runs while there are viewers
	last    uint64        // number of the last message that was passed on
	closed  bool
}

// NewFeed returns a feed. render writes a message on one line.
func NewFeed(r *Ring, began time.Time, render func(*bytes.Buffer, *Message) error) *Feed {
	return &Feed{ring: r, render: render, began: strconv.FormatInt(began.UnixNano(), 36), viewers: map[*Viewer]bool{}}
}

// Viewer is one who watches.
type Viewer struct {
	feed *Feed
	// Parts brings what to write. It is closed when the viewer was too slow, or the feed
	// ends.
	Parts chan []byte
}

// Watch adds a viewer. id is that of the last event that the viewer saw, "" for none; first
// is what came since then, to be written before Parts. It is false if the feed has ended.
func (f *Feed) Watch(id string) (v *Viewer, first []byte, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, nil, false
	}
	if len(f.viewers) == 0 {
		_, f.last, _ = f.ring.After(1 << 63)
		f.stop = make(chan struct{})
		go f.run(f.stop)
	}
	v = &Viewer{feed: f, Parts: make(chan []byte, maxWaiting)}
	f.viewers[v] = true
	return v, f.since(id), true
}

// since returns what came after an event, up to what was passed on.
func (f *Feed) since(id string) []byte {
	var b bytes.Buffer
	began, number, _ := strings.Cut(id, "-")
	after, err := strconv.ParseUint(number, 10, 63)
	if err != nil || began != f.began || after > f.last {
		b.WriteString("event: reset\ndata:\n\n") // what the viewer has is of another process
		after = 0
	}
	all, last, missed := f.ring.After(after)
	if extra := last - f.last; extra < uint64(len(all)) {
		all = all[:uint64(len(all))-extra] // those come with the next part
	} else {
		all = nil
	}
	f.write(&b, all, f.last, missed)
	return b.Bytes()
}

// ID returns the id of the last event of those who watch from a number on.
func (f *Feed) ID(number uint64) string { return f.began + "-" + strconv.FormatUint(number, 10) }

// run passes messages on until it is stopped.
func (f *Feed) run(stop chan struct{}) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			f.pass()
		}
	}
}

// pass passes on what came since the last time.
func (f *Feed) pass() {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, last, missed := f.ring.After(f.last)
	if last == f.last {
		return
	}
	f.last = last
	var b bytes.Buffer
	f.write(&b, all, last, missed)
	part := b.Bytes()
	for v := range f.viewers {
		select {
		case v.Parts <- part:
		default:
			f.drop(v)
		}
	}
}

// write writes the event of messages, the newest first, as a page shows them.
func (f *Feed) write(b *bytes.Buffer, all []Message, last, missed uint64) {
	if missed > 0 {
		fmt.Fprintf(b, "event: missed\ndata: %d\n\n", missed)
	}
	if len(all) == 0 {
		return
	}
	b.WriteString("id: " + f.ID(last) + "\n")
	for i := len(all) - 1; i >= 0; i-- {
		b.WriteString("data: ")
		began := b.Len()
		if f.render(b, &all[i]) != nil || bytes.ContainsAny(b.Bytes()[began:], "\r\n") {
			b.Truncate(began)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

// drop ends a viewer.
func (f *Feed) drop(v *Viewer) {
	if !f.viewers[v] {
		return
	}
	delete(f.viewers, v)
	close(v.Parts)
	if len(f.viewers) == 0 {
		close(f.stop)
	}
}

// Close ends a viewer.
func (v *Viewer) Close() {
	v.feed.mu.Lock()
	defer v.feed.mu.Unlock()
	v.feed.drop(v)
}

// Close ends all viewers, and lets none in any more.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for v := range f.viewers {
		f.drop(v)
	}
}
