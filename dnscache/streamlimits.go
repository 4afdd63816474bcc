package dnscache

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Servers limit their connections, those of one client, the queries on each, or all of
// these, and few say so. What they close unanswered lowers our limits at once, and what they
// answer raises them again slowly.
const (
	maxStreams     = 8                      // connections
	maxPipelined   = 256                    // queries at a time on each
	firstPipelined = 16                     // until the upstream has answered
	maxCarried     = 1024                   // more queries on one connection are no limit
	growAfter      = 5 * time.Second        // until one connection more is tried
	growAtMost     = 5 * time.Minute        // doubled up to this while that fails
	growSoon       = 100 * time.Millisecond // the same if one had just ended
	justEnded      = 50 * time.Millisecond  // so long
	spentWait      = 100 * time.Millisecond
)

// streamLimits are how much the connections to one upstream may carry. The lock of its
// streams protects them.
type streamLimits struct {
	most int // connections
	// growAt is when one more may be tried, and growWait how long that takes next time.
	growAt    time.Time
	growWait  time.Duration
	before    int     // what most was before connections that had just ended counted; 0 if not
	window    float64 // queries at a time on each connection
	threshold float64 // of the window; above it, the window grows slowly
	each      uint64  // queries on one connection before the upstream closes it; 0 if many
}

func newStreamLimits() streamLimits {
	return streamLimits{most: maxStreams, growWait: growAfter, window: firstPipelined, threshold: maxPipelined}
}

func (l *streamLimits) pipelined() int { return int(l.window) }

// answered records that a query was answered.
func (l *streamLimits) answered() {
	if l.window < l.threshold {
		l.window++
	} else {
		l.window += 1 / l.window
	}
	l.window = min(l.window, maxPipelined)
}

// tooMany records that a connection had more queries at a time than the upstream takes.
func (l *streamLimits) tooMany() {
	l.window = max(1, l.window/2)
	l.threshold = l.window
}

// carried records that the upstream closed a connection after so many responses.
func (l *streamLimits) carried(n uint64) { l.each = n }

// spent reports whether the upstream is expected to close a connection now, so that no
// further query should be sent on it.
func (l *streamLimits) spent(s *stream) bool { return l.each > 0 && s.sent >= l.each }

// carriesMore records that the upstream has not closed such a connection.
func (l *streamLimits) carriesMore() {
	if l.each *= 2; l.each > maxCarried {
		l.each = 0
	}
}

// fewer records that the upstream takes no more connections than n. If one has just ended, the
// upstream may still count it, as one that ends each after few queries often does. What was
// allowed before is then tried again soon.
func (l *streamLimits) fewer(n int, justEnded bool, now time.Time) {
	before := l.most
	l.most = max(1, min(n, l.most))
	if justEnded {
		l.before = max(l.before, before)
		l.growAt = now.Add(jittered(growSoon))
		return
	}
	l.before = 0
	l.growAt = now.Add(jittered(l.growWait))
	l.growWait = min(2*l.growWait, growAtMost)
}

// mayOpen reports whether there may be a connection more than n.
func (l *streamLimits) mayOpen(n int, now time.Time) bool {
	if n == l.most && l.most < maxStreams && now.After(l.growAt) {
		if l.most++; l.most < l.before {
			l.growAt = now.Add(jittered(growSoon))
		} else {
			l.before = 0
			l.growAt = now.Add(jittered(l.growWait))
			l.growWait = max(l.growWait/2, growAfter)
		}
	}
	return n < l.most
}

// Pauses between attempts to open a connection. While one that was refused may be accepted
// at any time, a certificate changes only when a person acts.
const (
	firstDialPause = 10 * time.Millisecond
	maxDialPause   = 80 * time.Millisecond
	firstBroken    = time.Second
	maxBroken      = 10 * time.Second
)

// dialPause is the time after a failure during which no connection is dialled. It gets
// longer with each failure in a row.
type dialPause struct {
	failures int
	until    time.Time
	err      error // the last failure; nil after a success
}

// failed records that a connection could not be opened, or was closed unanswered.
func (p *dialPause) failed(err error, now time.Time) {
	first, most := firstDialPause, maxDialPause
	if broken := (*certificateError)(nil); errors.As(err, &broken) {
		first, most = firstBroken, maxBroken
	}
	p.until = now.Add(jittered(min(first<<min(p.failures, 10), most)))
	p.failures++
	p.err = err
}

// succeeded ends the pause. answered also ends the row of failures.
func (p *dialPause) succeeded() { p.until, p.err = time.Time{}, nil }
func (p *dialPause) answered()  { p.failures = 0 }

// lasting returns the failure that no question should wait for: as long as the pause after
// one for the certificate's sake lasts, each fails at once.
func (p *dialPause) lasting(now time.Time) error {
	if broken := (*certificateError)(nil); errors.As(p.err, &broken) && now.Before(p.until) {
		return p.err
	}
	return nil
}

// jittered returns a random time between three and five quarters of d.
func jittered(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
