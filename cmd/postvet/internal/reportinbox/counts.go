package reportinbox

import (
	"maps"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// Kind is a kind of what came.
type Kind string

// The kinds. Unknown is of what was not read, or is no report.
const (
	Aggregate Kind = Kind(reports.ReceivedAggregate)
	Failure   Kind = Kind(reports.ReceivedFailure)
	TLS       Kind = Kind(reports.ReceivedTLS)
	Bounce    Kind = "bounce"
	Unknown   Kind = "unknown"
)

// Result is what became of a report or of a mail.
type Result string

// The results. Kept, Duplicate and Conflicting are those of a store.
const (
	Kept        Result = Result(reports.Kept)
	Duplicate   Result = Result(reports.Duplicate)
	Conflicting Result = Result(reports.Conflicting)
	Unreadable  Result = "unreadable" // it is no report, or one that cannot be read
	TooLarge    Result = "too-large"
	Overload    Result = "overload" // too much mail waited, or the service stopped
	Failed      Result = "failed"   // the store failed, or the reader of bounces
	Panicked    Result = "panic"    // Postvet failed on it
)

// Counted is what is counted by itself.
type Counted struct {
	Kind   Kind
	Result Result
}

// AllCounted returns all that is counted.
func AllCounted() []Counted {
	var all []Counted
	for _, k := range []Kind{Aggregate, Failure, TLS} {
		for _, r := range []Result{Kept, Duplicate, Conflicting, Unreadable, TooLarge, Failed} {
			all = append(all, Counted{k, r})
		}
	}
	for _, r := range []Result{Kept, TooLarge, Overload, Failed, Panicked} {
		all = append(all, Counted{Bounce, r})
	}
	for _, r := range []Result{Unreadable, TooLarge, Overload, Panicked} {
		all = append(all, Counted{Unknown, r})
	}
	return all
}

// counts counts what came.
type counts struct {
	lock sync.Mutex
	n    map[Counted]uint64
}

func (c *counts) add(k Kind, r Result) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.n == nil {
		c.n = map[Counted]uint64{}
	}
	c.n[Counted{k, r}]++
}

// Stats are the counts of an Inbox.
type Stats struct {
	Counts map[Counted]uint64
	// Waiting is the number of messages that wait, and Octets the size of all copies.
	Waiting int
	Octets  int64
}

// Stats returns the counts since the start; none of a nil Inbox.
func (b *Inbox) Stats() Stats {
	if b == nil {
		return Stats{}
	}
	b.counts.lock.Lock()
	defer b.counts.lock.Unlock()
	return Stats{Counts: maps.Clone(b.counts.n), Waiting: len(b.queue) + len(b.bounceQueue), Octets: b.used.Load()}
}
