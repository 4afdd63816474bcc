package reportcount

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
)

// Why says why a message is in no report although it should be.
type Why string

// The reasons.
const (
	WhyQueue  Why = "queue"  // the queue was full
	WhyMemory Why = "memory" // too many rows differ while the store takes none
	WhyRows   Why = "rows"   // the report has too many rows, and says so
	WhyClock  Why = "clock"  // the clock was so far behind that all days are closed
	WhyStop   Why = "stop"   // the service ended while the store took none
)

// Whys returns all reasons.
func Whys() []Why { return []Why{WhyQueue, WhyMemory, WhyRows, WhyClock, WhyStop} }

// Stats are the counts of a counter since its start.
type Stats struct {
	// Rows are the messages that the store has, Folded those of them whose rows lack a part,
	// and Late those that count for the next day.
	Rows, Folded, Late int64
	Dropped            map[Why]int64
	Skipped            map[reporting.Skip]int64
	// Keys are the rows that wait for the store, and Queued the messages that are not
	// among them yet.
	Keys, Queued int64
	// Flushes is how often the store has taken rows, and FlushSeconds how long all of that
	// took.
	Flushes      int64
	FlushSeconds float64
	// Trouble says why the store takes nothing at present, and since when; "" if it does.
	Trouble string
	Since   time.Time
}

// Stats returns the present counts.
func (c *Counter) Stats() Stats {
	s := Stats{Dropped: map[Why]int64{}, Skipped: map[reporting.Skip]int64{}}
	if c == nil {
		return s
	}
	for why, n := range c.skipped {
		s.Skipped[why] = n.Load()
	}
	n := &c.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	s.Rows, s.Folded, s.Late, s.Flushes, s.FlushSeconds, s.Trouble, s.Since = n.rows, n.folded, n.late, n.flushes, n.took.Seconds(), n.trouble, n.since
	s.Dropped[WhyQueue], s.Dropped[WhyMemory], s.Dropped[WhyStop] = n.droppedQueue.Load(), n.droppedMemory.Load(), n.droppedStop.Load()
	s.Dropped[WhyRows], s.Dropped[WhyClock] = n.leftOut, n.lost
	s.Keys, s.Queued = n.keys.Load(), int64(len(c.queue))
	return s
}

// numbers are the counts.
type numbers struct {
	droppedQueue, droppedMemory, droppedStop, keys atomic.Int64

	mu                                sync.Mutex
	rows, folded, late, leftOut, lost int64
	flushes                           int64
	took                              time.Duration
	trouble                           string
	since                             time.Time
}

// flushed notes that the store has taken a batch.
func (n *numbers) flushed(took time.Duration, b *batch, added reportstore.Added) {
	before := int64(0) // they were counted when they were left out
	for _, l := range b.leftOut {
		before += l.Messages
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	left := added.LeftOut - min(before, added.LeftOut)
	n.rows += b.messages - before - left - added.Lost
	n.folded += added.Folded
	n.late += added.Late
	n.leftOut += left
	n.lost += added.Lost
	n.flushes++
	n.took += took
}

// fails notes a failure, and reports whether it is the first one.
func (n *numbers) fails(why string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := n.trouble == ""
	n.trouble = why
	if first {
		n.since = time.Now()
	}
	return first
}

// works notes that the store takes rows, and returns how long it has not; 0 if it did.
func (n *numbers) works() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trouble == "" {
		return 0
	}
	since := time.Since(n.since)
	n.trouble, n.since = "", time.Time{}
	return max(since, 1)
}

// Plus returns the counts of two counters together, and the present state of the second.
func (s Stats) Plus(o Stats) Stats {
	sum := o
	sum.Dropped, sum.Skipped = map[Why]int64{}, map[reporting.Skip]int64{}
	for _, some := range []Stats{s, o} {
		for why, n := range some.Dropped {
			sum.Dropped[why] += n
		}
		for why, n := range some.Skipped {
			sum.Skipped[why] += n
		}
	}
	sum.Rows, sum.Folded, sum.Late = s.Rows+o.Rows, s.Folded+o.Folded, s.Late+o.Late
	sum.Flushes, sum.FlushSeconds = s.Flushes+o.Flushes, s.FlushSeconds+o.FlushSeconds
	return sum
}
