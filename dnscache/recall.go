package dnscache

import (
	"context"
	"sync"
)

// Memory is what can tell what it knows without asking; [Resolver] is one.
type Memory interface {
	// Known returns nil for what would have to be asked for.
	Known(name string, t Type) *Answer
}

// Counter is a Memory that counts what it told. Uncount takes back so many
// answers, and how many of them were those of failures: whoever begins anew asks
// for them again.
type Counter interface {
	Memory
	Uncount(answers, failed int)
}

// Recall is a resolver that never waits: what its memory does not know it
// answers with Timeout, and says so in Missed. Whoever computes something from
// several answers can try it with a Recall first, and where that missed
// something drop the result and begin anew, beside its other work, with a
// resolver that asks. What a Counter told before does not count then. It is safe
// for concurrent use.
type Recall struct {
	memory Memory

	mu              sync.Mutex
	missed          bool
	answers, failed int
}

// NewRecall returns a Recall of m.
func NewRecall(m Memory) *Recall { return &Recall{memory: m} }

var errNotKnown = &Answer{Outcome: Timeout, Err: context.Canceled}

// Lookup returns what is known. Nothing is looked for any more once something
// was missed: the result will be dropped.
func (r *Recall) Lookup(_ context.Context, name string, t Type) *Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed {
		return errNotKnown
	}
	a := r.memory.Known(name, t)
	if a == nil {
		r.missed = true
		if c, ok := r.memory.(Counter); ok {
			c.Uncount(r.answers, r.failed)
		}
		return errNotKnown
	}
	r.answers++
	if a.Outcome.Temporary() {
		r.failed++
	}
	return a
}

// Missed reports whether an answer was not known.
func (r *Recall) Missed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missed
}
