package livetrace

import (
	"context"
	"encoding/json"
	"io"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/filter"
)

// Part is one part of what a watcher gets, as JSON. Exactly one of Begin, Message and
// End is set.
type Part struct {
	// Begin comes first: from now on messages that begin are traced.
	Begin *Begin `json:"begin,omitempty"`
	// LeftOut is how many selected messages were left out since the part before.
	LeftOut int64 `json:"left_out,omitempty"`
	// Message is a [Message].
	Message json.RawMessage `json:"message,omitempty"`
	// End comes last and says why.
	End End `json:"end,omitempty"`
}

// Begin says how long it is watched.
type Begin struct {
	Until time.Time `json:"until"`
}

// End is why no more messages come.
type End string

// The reasons.
const (
	EndTime     End = "time"     // the duration is over
	EndCount    End = "count"    // there were as many messages as wanted
	EndStopping End = "stopping" // the service stops, or nobody waits
)

// Watcher gets the messages of a filter. Its methods are called from one goroutine.
type Watcher struct {
	feed   *Feed
	filter Filter
	until  time.Time
	timer  *time.Timer
	count  int // 0 for no bound

	queue   chan []byte // messages as JSON
	queued  atomic.Int64
	leftOut atomic.Int64

	begun, ended bool
	passed       int // messages that Next returned
}

// offer puts a message into the queue if the watcher wants it. It never waits.
func (w *Watcher) offer(d *filter.Decision) {
	if !w.filter.selects(d) {
		return
	}
	if !d.Traced || len(w.queue) == maxMessages || w.queued.Load() > maxBytes-largest {
		w.leftOut.Add(1)
		return
	}
	text, err := encode(d)
	if err != nil || w.queued.Add(int64(len(text))) > maxBytes {
		w.queued.Add(-int64(len(text)))
		w.leftOut.Add(1)
		return
	}
	select {
	case w.queue <- text:
	default:
		w.queued.Add(-int64(len(text)))
		w.leftOut.Add(1)
	}
}

// Next returns the next [Part], and io.EOF after the last one.
func (w *Watcher) Next(ctx context.Context) (any, error) {
	switch {
	case w.ended:
		return nil, io.EOF
	case !w.begun:
		w.begun = true
		return Part{Begin: &Begin{Until: w.until}}, nil
	case w.count > 0 && w.passed == w.count:
		return w.end(EndCount), nil
	}
	select {
	case text := <-w.queue:
		w.queued.Add(-int64(len(text)))
		w.passed++
		return Part{LeftOut: w.leftOut.Swap(0), Message: text}, nil
	case <-w.timer.C:
		return w.end(EndTime), nil
	case <-ctx.Done():
		return w.end(EndStopping), nil
	}
}

func (w *Watcher) end(why End) Part {
	w.ended = true
	return Part{LeftOut: w.leftOut.Swap(0), End: why}
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.timer.Stop()
	w.feed.forget(w)
}
