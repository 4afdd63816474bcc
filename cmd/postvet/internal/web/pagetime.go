package web

import (
	"context"
	"time"
)

// The bounds of time of a page. Those of a single page stand with it.
const (
	// pageTime bounds how long a page may take, whatever it asks for.
	pageTime = 10 * time.Second
	// quickly bounds a search or a ranking, so that the page comes at once, perhaps with a
	// part of what there is. A reader who goes on with it waits for patiently.
	quickly   = 200 * time.Millisecond
	patiently = 4 * time.Second
	// localTime is how long a page waits for the counts of this node, beyond the time that
	// their ranking may take: another process may have locked them.
	localTime = 100 * time.Millisecond
	// databaseTime is the same for the database of all nodes. If that does not answer, a page
	// shows the counts of this node.
	databaseTime = 1300 * time.Millisecond
	// reportTime bounds how long a page waits for the store of reports.
	reportTime = 4 * time.Second
)

// waits reports whether the reader goes on with what was not done quickly.
func (q *request) waits() bool { return q.get("wait") == "long" }

// within returns how long a search or a ranking may take.
func (q *request) within() time.Duration {
	if q.waits() {
		return patiently
	}
	return quickly
}

// goOn returns the page that goes on with what was not done quickly; "" if this one did.
func (q *request) goOn() string {
	if q.waits() {
		return ""
	}
	return q.again("wait", "long")
}

// bounded returns the request with less time.
func (q *request) bounded(within time.Duration) (*request, context.CancelFunc) {
	b := *q
	ctx, cancel := context.WithTimeout(q.ctx, within)
	b.ctx = ctx
	return &b, cancel
}
