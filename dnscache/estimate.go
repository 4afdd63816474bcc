package dnscache

import (
	"slices"
	"sync"
	"time"
)

// A query over UDP is sent again if its response takes longer than those of the upstream
// do. The time is that of RFC 6298, which sends a segment again: the smoothed time of
// responses and four times its deviation, at least retransmitFloor over it. A few slow
// responses among many quick ones, of names that the resolver has to look up itself, hardly
// change these averages. So the time is also longer than that of most of the last samples.
//
// Deviates from RFC 6298 section 5.5: the time grows by one half with each retransmission
// and is not doubled. The budget below bounds the load, and with doubled waits too many
// messages would wait for the next attempt where three packets in ten are lost.
const (
	retransmitFloor   = 20 * time.Millisecond
	retransmitInitial = 500 * time.Millisecond // before the first sample
	maxTransmissions  = 8                      // of one query
	backOffPart       = 2                      // each wait is longer by one half of the last
	samplesKept       = 64
	samplesAbove      = 3 // of these may be above the time
)

// Each retransmission takes a token, and each query adds a part of one. So a burst of losses
// is made up for at once, and at most that part of all queries is sent again for ever.
const (
	maxRetransmitTokens = 64
	tokensPerQuery      = 0.6
)

// estimate is how long the responses of one upstream take, and how many of its queries may
// be sent again. It is safe for concurrent use.
type estimate struct {
	mu       sync.Mutex
	smoothed float64 // ns; SRTT of RFC 6298, 0 before the first sample
	variance float64 // ns; RTTVAR
	samples  [samplesKept]time.Duration
	count    int           // samples so far
	most     time.Duration // that few samples exceed
	least    time.Duration // of the samples
	spent    float64       // tokens
	lost     uint64        // queries answered only when they were sent again
	resent   uint64        // retransmissions
}

// begin counts a query.
func (e *estimate) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spent = max(e.spent-tokensPerQuery, 0)
}

// timeout returns how long a response may take before the query is sent again, at most
// limit.
func (e *estimate) timeout(limit time.Duration) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == 0 {
		return min(retransmitInitial, limit)
	}
	late := time.Duration(e.smoothed) + max(retransmitFloor, time.Duration(4*e.variance))
	return min(max(late, e.most+retransmitFloor), limit)
}

// sampled reports whether there was a response.
func (e *estimate) sampled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count > 0
}

// resend reports whether a query may be sent again, and counts it.
func (e *estimate) resend() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.spent > maxRetransmitTokens-1 {
		return false
	}
	e.spent++
	e.resent++
	return true
}

// answered records that a query was answered: how long after it was first sent, and after it
// was last sent. A query that was sent again is no sample (Karn's algorithm), since nobody
// knows which of the two the response is to. It is one if the response came sooner after
// the second than any response ever did: then the first was only late.
func (e *estimate) answered(sinceFirst, sinceLast time.Duration, transmissions int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if transmissions > 1 && (e.count == 0 || sinceLast >= e.least/2) {
		e.lost++
		return
	}
	took := float64(sinceFirst)
	if e.count == 0 {
		e.smoothed, e.variance = took, took/2
	} else {
		e.variance += (max(took-e.smoothed, e.smoothed-took) - e.variance) / 4
		e.smoothed += (took - e.smoothed) / 8
	}
	e.samples[e.count%samplesKept] = sinceFirst
	e.count++
	if e.count%8 == 0 || e.count < 8 {
		sorted := e.samples
		kept := sorted[:min(e.count, samplesKept)]
		slices.Sort(kept)
		e.least, e.most = kept[0], kept[max(len(kept)-1-samplesAbove, 0)]
	}
}
