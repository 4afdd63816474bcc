package dnscache

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// A resolver may have a quota, such as dns-forward-max of dnsmasq or recursive-clients of
// named. Above it, it refuses questions, fails them or drops them. So the queries in flight
// to an upstream are limited as TCP limits its segments (RFC 5681): halved at a sign of a
// quota, and one more after each round of answers. There is no limit until the first sign.
//
// A name can be refused, fail or be silent too, and packets are lost, whatever is in flight.
// So a sign takes several such queries while others are in flight, a part of all, and answers
// beside them: four refusals and an eighth, sixteen SERVFAIL and half, if such questions are
// answered later, or sixteen silent queries and as many as were answered since they were
// sent. As soon as there is a limit, eight SERVFAIL and a quarter suffice. A lost packet is
// no sign, since the query is sent again. Each decrease waits for queries that were sent
// after the last one, so that one burst is one sign.
const (
	minConcurrency = 8  // the limit is never lower, and fewer in flight are no load
	signWeight     = 16 // least weight of a sign
	signPart       = 2  // of the queries, weighed, make a sign: one in so many
	refusedWeight  = 4
	servFailWeight = 1 // twice as much while there is a limit
	manySilent     = 16
	windowLength   = 64 // queries without a sign, after which the count begins anew
	quotaLife      = 10 * time.Second
	busyLife       = 2 * time.Second
	limitLife      = 10 * time.Minute // since the last sign
	refusedHold    = minPause         // a refused query keeps its turn so long
)

// ending is how a query ended, as far as the load may be why.
type ending uint8

const (
	endedUnknown ending = iota // it was given up, or this machine could not send it
	endedAnswered
	endedRefused
	endedServFail
	endedSilent // no response in the time of an attempt
)

// concurrency limits the queries in flight to one upstream.
type concurrency struct {
	turns turns
	now   func() int64
	most  int // a limit above has no effect
	log   *zap.Logger
	// upstream is its address, for the log.
	upstream string
	recovery *recovery

	mu        sync.Mutex
	inFlight  int
	limit     float64 // 0 without a limit
	epoch     uint64  // decreases so far
	loweredAt int64   // 0 if never
	busyAt    int64   // when so many were in flight that a quota may be why one fails; 0 if never
	window    window
	silent    int // queries, less those that were answered later
	answers   int
	refused   uint64
	waited    uint64
}

// window counts the queries that were sent since the last decrease and have ended.
type window struct {
	ended, answered, weight int
	peak                    int // in flight
}

// queryTurn is the right to one query.
type queryTurn struct {
	c      *concurrency
	epoch  uint64
	beside int // in flight at its start, this one included
	before int // answers at its start
	late   *time.Timer
	back   sync.Once
}

// began records that a query begins, which has its turn. When its response is later than
// late, the query gives its turn back: it is slow because of its name, and a few names
// whose servers are silent must not hold up all others.
func (c *concurrency) began(late time.Duration) *queryTurn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight++
	c.window.peak = max(c.window.peak, c.inFlight)
	if c.inFlight >= minConcurrency {
		c.busyAt = max(c.now(), 1)
	}
	t := &queryTurn{c: c, epoch: c.epoch, beside: c.inFlight, before: c.answers}
	if c.limit > 0 {
		t.late = time.AfterFunc(late, t.giveBack)
	}
	return t
}

func (t *queryTurn) giveBack() { t.back.Do(t.c.turns.giveBack) }

// end records how the query ended. usual is how long answers take: while there is a limit,
// a failure keeps its turn as long, since otherwise a resolver that fails at once would
// have all that waits fail in a moment.
func (t *queryTurn) end(how ending, usual time.Duration) {
	hold := time.Duration(0)
	if t.c.ended(t, how) {
		switch how {
		case endedRefused:
			hold = max(usual, refusedHold)
		case endedServFail:
			hold = usual
		}
	}
	if t.late != nil {
		t.late.Stop()
	}
	if hold > 0 {
		time.AfterFunc(hold, t.giveBack)
		return
	}
	t.giveBack()
}

// ended counts a query that has ended, and changes the limit. It reports whether there is
// one.
func (c *concurrency) ended(t *queryTurn, how ending) (limited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	loaded := max(t.beside, c.inFlight) >= minConcurrency
	c.inFlight--
	if how == endedRefused {
		c.refused++
	}
	if how == endedAnswered {
		c.answers++
		c.silent = max(c.silent-1, 0)
	}
	if how != endedUnknown && t.epoch == c.epoch && c.signLocked(t, how, loaded) {
		c.lowerLocked()
	}
	if c.limit > 0 {
		c.raiseLocked(how)
	}
	return c.limit > 0
}

// signLocked counts a query that was sent since the last decrease, and reports whether it
// completes a sign.
func (c *concurrency) signLocked(t *queryTurn, how ending, loaded bool) bool {
	w := &c.window
	w.ended++
	switch {
	case how == endedAnswered:
		w.answered++
	case !loaded:
	case how == endedRefused:
		w.weight += refusedWeight
	case how == endedServFail && c.recovery.likely():
		if w.weight += servFailWeight; c.limit > 0 {
			w.weight += servFailWeight
		}
	case how == endedSilent:
		c.silent++
		since := c.answers - t.before
		return c.silent >= manySilent && c.silent >= since && since > 0
	}
	sign := w.weight >= signWeight && w.weight*signPart >= w.ended
	if !sign && w.ended >= windowLength {
		c.window = window{peak: c.inFlight}
	}
	return sign && w.answered > 0
}

func (c *concurrency) lowerLocked() {
	from := float64(c.window.peak)
	if c.limit > 0 {
		from = min(from, c.limit)
	} else {
		c.log.Warn("dns upstream seems to have a quota, fewer queries are sent to it at a time",
			zap.String("upstream", c.upstream), zap.Int("in_flight", c.window.peak))
	}
	c.limit = max(from/2, minConcurrency)
	c.epoch++
	c.loweredAt = max(c.now(), 1)
	c.window, c.silent = window{peak: c.inFlight}, 0
	c.turns.setLimit(int(c.limit))
}

// raiseLocked raises the limit after an answer if the limit keeps others waiting. It ends a
// limit that has no effect, or that no sign has confirmed for long.
func (c *concurrency) raiseLocked(how ending) {
	before := int(c.limit)
	switch {
	case c.now()-c.loweredAt > int64(limitLife):
		c.limit = 0
	case how != endedAnswered || !c.turns.full():
	default:
		if c.limit += 1 / c.limit; c.limit >= float64(c.most) {
			c.limit = 0
		}
	}
	if int(c.limit) == before {
		return
	}
	c.turns.setLimit(int(c.limit))
	if c.limit == 0 {
		c.log.Info("dns upstream has no quota any more", zap.String("upstream", c.upstream))
	}
}

// quota reports whether there was a sign of a quota just now.
func (c *concurrency) quota() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.quotaLocked()
}

func (c *concurrency) quotaLocked() bool {
	return c.loweredAt != 0 && c.now()-c.loweredAt < int64(quotaLife)
}

// loaded reports whether a quota may be why a query has failed just now.
func (c *concurrency) loaded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busyAt != 0 && c.now()-c.busyAt < int64(busyLife) || c.quotaLocked()
}

// stats sets the figures of the limit.
func (c *concurrency) stats(s *UpstreamStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Refused, s.Waited, s.InFlight, s.Limit = c.refused, c.waited, c.inFlight, int(c.limit)
}
