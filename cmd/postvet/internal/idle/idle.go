// Package idle bounds the connections that a server keeps although no request comes on
// them. A client can open any number of them at no cost. If a full server refused new
// connections, it would refuse the administrator's; so a new one replaces an old one.
package idle

import (
	"slices"
	"sync"
)

// List is a bounded list of connections. It is safe for concurrent use.
type List struct {
	max int

	mu sync.Mutex
	// entries are in the order of their last sign of life, the oldest first.
	entries []*Entry
}

// Entry is one connection of a List.
type Entry struct {
	list   *List
	holder string
	end    func()
}

// NewList returns an empty list for up to max connections.
func NewList(max int) *List { return &List{max: max} }

// Add adds a connection. holder is who opened it. If the list is full, Add removes the
// oldest connection of the holder who has most of them, and calls its end, which must
// not block and must not use the list.
func (l *List) Add(holder string, end func()) *Entry {
	e := &Entry{l, holder, end}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= l.max {
		i := l.next()
		l.entries[i].end()
		l.entries = slices.Delete(l.entries, i, i+1)
	}
	l.entries = append(l.entries, e)
	return e
}

// next returns the index of the connection to remove next.
func (l *List) next() int {
	held := map[string]int{}
	for _, e := range l.entries {
		held[e.holder]++
	}
	found := 0
	for i, e := range l.entries {
		if held[e.holder] > held[l.entries[found].holder] {
			found = i
		}
	}
	return found
}

// Touch makes a connection the newest one, unless it was removed.
func (e *Entry) Touch() {
	e.list.mu.Lock()
	defer e.list.mu.Unlock()
	if e.remove() {
		e.list.entries = append(e.list.entries, e)
	}
}

// Remove removes a connection, without calling its end. It may be called again.
func (e *Entry) Remove() {
	e.list.mu.Lock()
	defer e.list.mu.Unlock()
	e.remove()
}

func (e *Entry) remove() bool {
	i := slices.Index(e.list.entries, e)
	if i < 0 {
		return false
	}
	e.list.entries = slices.Delete(e.list.entries, i, i+1)
	return true
}

// Len returns the number of connections.
func (l *List) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}
