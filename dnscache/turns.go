package dnscache

import (
	"container/list"
	"context"
	"sync"
)

// groupKey marks the context of a group of lookups.
type groupKey struct{}

// group is lookups that take turns as one.
type group struct{ _ byte } // has an address of its own

// turnOf returns ctx with the group and the urgency of the lookups below from, for a flight
// that continues without from.
func turnOf(ctx, from context.Context) context.Context {
	for _, key := range []any{groupKey{}, urgentKey{}} {
		if v := from.Value(key); v != nil {
			ctx = context.WithValue(ctx, key, v)
		}
	}
	return ctx
}

// Group returns a context whose lookups are a group, such as those of one message. Where
// lookups must wait, for Options.MaxInFlight or for an upstream with a quota, a group that
// asks for hundreds of names does not delay the others: the groups with waiting lookups take
// turns, one lookup at a time, and within a group the lookup that has waited longest is
// next, after those of [Urgent]. Lookups without a group are a group together. A query that
// several groups wait for has the turn of the group that asked first.
func Group(ctx context.Context) context.Context {
	return context.WithValue(ctx, groupKey{}, new(group))
}

func groupOf(ctx context.Context) *group {
	g, _ := ctx.Value(groupKey{}).(*group)
	return g
}

// turns are given to at most a number of holders at a time. Others wait, in the order of
// [Group].
type turns struct {
	mu      sync.Mutex
	limit   int // of taken; 0 is no limit
	taken   int
	waiting int
	lines   map[*group]*line
	next    list.List // of *line; those that are not empty, in the order of their turns
}

// line is the lookups of one group that wait.
type line struct {
	group   *group
	waiters list.List // of *waiter, the next one first
	place   *list.Element
}

// waiter is one lookup that waits for a turn.
type waiter struct {
	ready chan struct{} // closed when it has its turn
	line  *line
	place *list.Element
	given bool
}

// try takes a turn if one is free and nobody waits.
func (ts *turns) try() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.waiting > 0 || !ts.freeLocked() {
		return false
	}
	ts.taken++
	return true
}

func (ts *turns) freeLocked() bool { return ts.limit == 0 || ts.taken < ts.limit }

// force takes a turn although none may be free.
func (ts *turns) force() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.taken++
}

// wait has a lookup below ctx wait for a turn.
func (ts *turns) wait(ctx context.Context) *waiter {
	g, urgent := groupOf(ctx), ctx.Value(urgentKey{}) != nil
	ts.mu.Lock()
	defer ts.mu.Unlock()
	l := ts.lines[g]
	if l == nil {
		l = &line{group: g}
		l.place = ts.next.PushBack(l)
		if ts.lines == nil {
			ts.lines = map[*group]*line{}
		}
		ts.lines[g] = l
	}
	w := &waiter{ready: make(chan struct{}), line: l}
	if urgent {
		w.place = l.waiters.PushFront(w)
	} else {
		w.place = l.waiters.PushBack(w)
	}
	ts.waiting++
	ts.grantLocked() // a turn may have become free since try
	return w
}

// leave ends the wait of a lookup. If it has its turn by now, it gives that back.
func (ts *turns) leave(w *waiter) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if w.given {
		ts.taken--
		ts.grantLocked()
		return
	}
	ts.removeLocked(w)
}

// giveBack ends a turn.
func (ts *turns) giveBack() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.taken--
	ts.grantLocked()
}

// setLimit changes the limit. 0 is no limit.
func (ts *turns) setLimit(limit int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.limit = limit
	ts.grantLocked()
}

// grantLocked gives the free turns to those who wait.
func (ts *turns) grantLocked() {
	for ts.waiting > 0 && ts.freeLocked() {
		l := ts.next.Front().Value.(*line)
		w := l.waiters.Front().Value.(*waiter)
		ts.next.MoveToBack(l.place) // the other groups come first now
		ts.removeLocked(w)
		w.given = true
		ts.taken++
		close(w.ready)
	}
}

func (ts *turns) removeLocked(w *waiter) {
	w.line.waiters.Remove(w.place)
	ts.waiting--
	if w.line.waiters.Len() == 0 {
		ts.next.Remove(w.line.place)
		delete(ts.lines, w.line.group)
	}
}

// counts returns how many turns are taken, and how many lookups wait for one.
func (ts *turns) counts() (taken, waiting int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.taken, ts.waiting
}

// full reports whether a lookup would have to wait now.
func (ts *turns) full() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.waiting > 0 || !ts.freeLocked()
}
