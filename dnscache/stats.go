package dnscache

import (
	"math/bits"
	"sync/atomic"
	"time"
	"unsafe"
)

// Stats are the counters of a resolver since its start, and its present contents.
type Stats struct {
	Hits      OutcomeCounts // lookups answered from the cache within the TTL, by outcome
	Misses    uint64        // lookups that started a flight
	Joined    uint64        // lookups that joined a flight
	Stale     uint64        // answers served after their TTL
	Queued    uint64        // lookups that waited for a slot
	Refreshed uint64        // answers refreshed ahead of their expiry
	Wire      OutcomeCounts // questions put to the upstreams, by outcome
	Took      Histogram     // time of these questions, with all retries
	// TookBy is Took by outcome; index 0 is not used.
	TookBy [Timeout + 1]Histogram
	// TookSum is the time of all questions together, by outcome.
	TookSum [Timeout + 1]time.Duration

	InFlight int    // questions being asked
	Entries  int    // answers in the cache
	Bytes    int64  // memory of the cache
	Limit    int64  // Options.MaxBytes
	Evicted  uint64 // answers removed to keep Limit
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
	Addr            string        // in the form of Options.Upstreams
	Queries         uint64        // queries that ended
	Failures        uint64        // those of them with no response, a malformed one, or a refusal
	Timeouts        uint64        // those of them with no response
	Overtaken       uint64        // queries given up because another upstream answered first
	Hedged          uint64        // queries sent because another upstream was late
	Retransmitted   uint64        // queries over UDP that were sent again
	Lost            uint64        // queries that were answered only after that
	RetransmitAfter time.Duration // how long a response may take before that
	TCP             uint64        // queries sent over TCP or TLS
	Connections     uint64        // connections opened for these
	Resent          uint64        // such queries sent on a further connection, as the first ended
	OpenConnections int           // connections open now
	MostConnections int           // connections that the upstream is expected to accept
	Certificate     string        // what is wrong with its certificate; "" if nothing is known to be
	WithoutEDNS     bool          // it is asked without EDNS
	WithoutMixing   bool          // it changes the case of names, and is not asked in random case
	Took            Histogram     // time of the queries that were answered
	TookSum         time.Duration // sum of these times
	Latency         time.Duration // moving average of Took
	Refused         uint64        // queries that it refused
	InFlight        int           // queries without a response so far
	Limit           int           // of InFlight, because of a quota that it seems to have; 0 for none
	Waited          uint64        // queries that waited because of that
	BackOff         bool          // it fails; it is queried last, and tried at intervals
}

func (s *UpstreamStats) observe(took time.Duration) {
	s.Took[bucket(took)]++
	s.TookSum += took
}

// Histogram counts durations: bucket i those below 1 ms << i, the last bucket the
// rest.
type Histogram [15]uint64

// Bound returns the duration below which those of bucket i are. The last bucket
// has no bound.
func (Histogram) Bound(i int) time.Duration { return time.Millisecond << i }

func bucket(d time.Duration) int {
	return min(bits.Len64(uint64(d/time.Millisecond)), len(Histogram{})-1)
}

// counters are the counters of Stats.
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

// Hits are counted in stripes, so that CPU cores do not share one cache line.
const (
	stripeBits = 6
	stripes    = 1 << stripeBits
)

// hit counts one hit. The stripe follows from the address of the goroutine's stack,
// so the stripe's cache line stays with one core. To draw a stripe by lot instead
// costs a hit 11 % (BenchmarkHitCompared).
func (c *counters) hit(o Outcome) {
	var here byte
	// Stacks are 2 KB at least; the factor spreads neighbours (Knuth 6.4).
	at := uint64(uintptr(unsafe.Pointer(&here))) >> 11 * 0x9e3779b97f4a7c15 >> (64 - stripeBits)
	c.hits[at].byOutcome[o].Add(1)
}

// wire counts a question that was put to the upstreams.
func (c *counters) wire(o Outcome, took time.Duration) {
	c.wired[o].Add(1)
	c.took[o][bucket(took)].Add(1)
	c.tookSum[o].Add(int64(took))
}

// Stats returns the counters. It reads them one after the other, so they may be inconsistent
// by events between the reads.
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
	now := r.now()
	for _, u := range *r.upstreams.list.Load() {
		of := u.stats()
		of.WithoutEDNS = now < u.edns.offUntil.Load()
		of.WithoutMixing = u.mix.wanted.Load() && now < u.mix.until.Load()
		s.Upstreams = append(s.Upstreams, of)
	}
	return s
}
