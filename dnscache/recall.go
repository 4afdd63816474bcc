package dnscache

import (
	"context"
	"sync/atomic"
)

// Memory is what can tell what it knows without asking; [Resolver] is one.
type Memory interface {
	// Known returns nil for what would have to be asked for.
	Known(name string, t Type) *Answer
}

// Recall is a resolver that never waits: what its memory does not know it
// answers with Timeout, and says so in Missed. Whoever computes something from
// several answers can try it with a Recall first, and where that missed
// something drop the result and begin anew, beside its other work, with a
// resolver that asks. It is safe for concurrent use.
type Recall struct {
	memory Memory
	missed atomic.Bool
}

// NewRecall returns a Recall of m.
func NewRecall(m Memory) *Recall { return &Recall{memory: m} }

var errNotKnown = &Answer{Outcome: Timeout, Err: context.Canceled}

// Lookup returns what is known. Nothing is looked for any more once something
// was missed: the result will be dropped.
func (r *Recall) Lookup(_ context.Context, name string, t Type) *Answer {
	if !r.missed.Load() {
		if a := r.memory.Known(name, t); a != nil {
			return a
		}
	}
	r.missed.Store(true)
	return errNotKnown
}

// Missed reports whether an answer was not known.
func (r *Recall) Missed() bool { return r.missed.Load() }
