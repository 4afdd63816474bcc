package dnscache

import (
	"math/bits"
	"sync/atomic"
	"time"
	"unsafe"
)

// Stats are the counters of a resolver since its start, and what it holds now.
type Stats struct {
	Hits      OutcomeCounts // answered from the cache, fresh, by outcome
	Misses    uint64        // look-ups that started a question
	Joined    uint64        // look-ups that found it under way
	Stale     uint64        // answers served after their TTL
	Queued    uint64        // look-ups that waited for room
	Refreshed uint64        // answers renewed ahead of their expiry
	Wire      OutcomeCounts // questions put to the upstreams, by outcome
	Took      Histogram     // of those, with all their retries
	// TookBy is Took by outcome; index 0 is not used.
	TookBy [Timeout + 1]Histogram
	// TookSum is the time of all questions together, by outcome.
	TookSum [Timeout + 1]time.Duration

	InFlight int    // questions under way
	Entries  int    // answers held
	Bytes    int64  // their cost
	Limit    int64  // Options.MaxBytes
	Evicted  uint64 // answers that went to make room
	Degraded bool
	Panics   uint64 // caught in lookups; each is a fault of this program

	Upstreams []UpstreamStats
}

// OutcomeCounts is indexed by Outcome; index 0 is not used.
type OutcomeCounts [Timeout + 1]uint64

// Total returns the sum over the outcomes.
func (c OutcomeCounts) Total() uint64 {
	var n uint64
	for _, v := range c {
		n += v
	}
	return n
}

// UpstreamStats are the counters of one upstream.
type UpstreamStats struct {
	Addr      string // as Options.Upstreams has it
	Queries   uint64 // ended, with whatever result
	Failures  uint64 // no answer, a broken one, or refusal
	Timeouts  uint64 // of these, without an answer
	Overtaken uint64 // given up because another answered first
	Hedged    uint64 // sent because another was late
	TCP       uint64 // sent over TCP or TLS, most of them after truncation
	// Connections were opened for these; each serves many.
	Connections uint64
	Took        Histogram     // of the queries that were answered
	TookSum     time.Duration // of these together
	Latency     time.Duration // moving average
	BackOff     bool          // asked last, and probed
}

func (s *UpstreamStats) observe(took time.Duration) {
	s.Took[bucket(took)]++
	s.TookSum += took
}

// Histogram counts durations: bucket i those below 1 ms << i, the last the
// rest.
type Histogram [15]uint64

// Bound is the duration below which those of bucket i are; the last bucket has
// none.
func (Histogram) Bound(i int) time.Duration { return time.Millisecond << i }

func bucket(d time.Duration) int {
	return min(bits.Len64(uint64(d/time.Millisecond)), len(Histogram{})-1)
}

// counters are those behind Stats.
type counters struct {
	hits [stripes]struct {
		byOutcome [Timeout + 1]atomic.Uint64
		_         [128 - 8*(Timeout+1)]byte // two cache lines, as processors fetch pairs
	}
	missed, joined, stale, queued, refreshed atomic.Uint64

	wired   [Timeout + 1]atomic.Uint64
	took    [Timeout + 1][len(Histogram{})]atomic.Uint64
	tookSum [Timeout + 1]atomic.Int64
}

// Hits are counted in stripes, so that cores do not fight for one cache line.
const (
	stripeBits = 6
	stripes    = 1 << stripeBits
)

// hit counts one hit. The address of its stack tells a goroutine which stripe to
// take, so the stripe's cache line stays with the goroutine's core.
func (c *counters) hit(o Outcome) {
	var here byte
	// Stacks are 2 KB at least; the factor spreads neighbours (Knuth 6.4).
	at := uint64(uintptr(unsafe.Pointer(&here))) >> 11 * 0x9e3779b97f4a7c15 >> (64 - stripeBits)
	c.hits[at].byOutcome[o].Add(1)
}

// wire counts one question that was put to the upstreams.
func (c *counters) wire(o Outcome, took time.Duration) {
	c.wired[o].Add(1)
	c.took[o][bucket(took)].Add(1)
	c.tookSum[o].Add(int64(took))
}

// Stats returns the counters. They are read one after the other, so they may
// disagree by what happens meanwhile.
func (r *Resolver) Stats() Stats {
	s := Stats{
		Misses: r.counters.missed.Load(), Joined: r.counters.joined.Load(), Stale: r.counters.stale.Load(),
		Queued: r.counters.queued.Load(), Refreshed: r.counters.refreshed.Load(),
		InFlight: r.flights.count(), Degraded: r.Degraded(), Limit: r.opt.MaxBytes, Panics: r.panics.count.Load(),
	}
	for i := range s.Hits {
		for j := range r.counters.hits {
			s.Hits[i] += r.counters.hits[j].byOutcome[i].Load()
		}
		s.Wire[i] = r.counters.wired[i].Load()
	}
	for o := range s.TookBy {
		s.TookSum[o] = time.Duration(r.counters.tookSum[o].Load())
		for i := range s.Took {
			n := r.counters.took[o][i].Load()
			s.TookBy[o][i] = n
			s.Took[i] += n
		}
	}
	s.Entries, s.Bytes, s.Evicted = r.store.usage()
	for _, u := range *r.upstreams.list.Load() {
		s.Upstreams = append(s.Upstreams, u.stats())
	}
	return s
}
