package web

import (
	"context"
	"errors"
	"time"
)

// The bounds of time of a page. Those of a single page stand with it.
const (
	// pageTime bounds how long a page may take, whatever it asks for: what a form does, and what
	// the DNS is asked, take longer than reading.
	pageTime = 10 * time.Second
	// quickly bounds all that a page reads, so that it comes at once, perhaps with a part of
	// what there is. A reader who goes on with it waits for patiently.
	quickly   = 300 * time.Millisecond
	patiently = 6 * time.Second
)

// allowance is the time in which a page reads, which all its parts share.
type allowance struct {
	end time.Time
	// cut is true if a part could not be read in its time.
	cut bool
}

// waits reports whether the reader goes on with what was not done quickly.
func (q *request) waits() bool { return q.get("wait") == "long" }

// allow returns the time that a page has from now on.
func (q *request) allow() *allowance {
	within := quickly
	if q.waits() {
		within = patiently
	}
	return &allowance{end: time.Now().Add(within)}
}

// left returns how long the page may still read.
func (q *request) left() time.Duration { return max(0, time.Until(q.time.end)) }

// within returns how long a part of the page may take: two thirds of what is left, so that
// something is left for the parts that follow.
func (q *request) within() time.Duration { return q.left() * 2 / 3 }

// goOn returns the page that goes on with what was not done quickly; "" if this one did.
func (q *request) goOn() string {
	if q.waits() {
		return ""
	}
	return q.again("wait", "long")
}

// lend gives the page more time, to wait for the DNS, and returns a function that takes back what
// is left of it.
func (q *request) lend(more time.Duration) (back func()) {
	began := time.Now()
	q.time.end = q.time.end.Add(more)
	return func() { q.time.end = q.time.end.Add(min(0, time.Since(began)-more)) }
}

// bounded returns the request with less time, and never with more than the page has left.
func (q *request) bounded(within time.Duration) (*request, context.CancelFunc) {
	b := *q
	ctx, cancel := context.WithTimeout(q.ctx, min(within, q.left()))
	b.ctx = ctx
	return &b, func() {
		q.time.cut = q.time.cut || errors.Is(ctx.Err(), context.DeadlineExceeded)
		cancel()
	}
}

// part reads a part of a page within a time.
func part[T any](q *request, within time.Duration, read func(*request) (T, error)) (T, error) {
	b, cancel := q.bounded(within)
	defer cancel()
	return read(b)
}
