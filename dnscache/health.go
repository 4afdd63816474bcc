package dnscache

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// How it is told whether the resolvers fail, or the names that are asked for.
//
// Strangers choose the names. A sender of mail from domains whose servers are dead
// makes lookups fail, on a quiet server most of them. So failures alone prove
// nothing. They are counted by zone, each zone once, and lead to a test: a name
// that nobody has asked for, below a top-level domain whose servers always answer.
// The upstreams cannot have it in their caches, and nobody outside can make it
// fail. If there is an answer (NXDOMAIN is one) the names are to blame, otherwise
// the resolvers.
const (
	zonesKept   = 64               // outcomes kept, one per zone, of the zones asked for last
	outcomeLife = 30 * time.Second // how long an outcome counts
	leastZones  = 4                // a test needs failures in so many zones
	testAbove   = 0.5              // and in more than this part of all zones
	endBelow    = 0.25             // degradation ends without a test below this part
	testPause   = 5 * time.Second  // between two tests
)

// testZones are those below which a test asks; the second if the first fails.
var testZones = [...]string{"com.", "org."}

// health notices when the resolvers fail.
type health struct {
	log  *zap.Logger
	now  func() int64
	test func(done func(working bool)) // runs in the background, or not at all once closed
	seed maphash.Seed

	mu       sync.Mutex
	zones    [zonesKept]zoneOutcome
	next     int   // the element of zones to replace next
	testedAt int64 // 0 if never
	testing  bool
	degraded bool
	since    int64 // when degraded became true
}

// zoneOutcome is how the last question in one zone ended.
type zoneOutcome struct {
	zone   uint64 // hash of the name
	at     int64
	failed bool
	set    bool
}

// observe takes note of how one question ended. The name is as keys have it.
func (h *health) observe(name string, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	h.setLocked(zoneOutcome{zone: maphash.String(h.seed, zoneOf(name)), at: now, failed: !o.Known(), set: true})
	good, bad := h.countLocked(now)
	switch total := float64(good + bad); {
	case h.degraded && float64(bad) < endBelow*total:
		h.endLocked(now)
	case h.degraded, bad >= leastZones && float64(bad) > testAbove*total:
		h.testLocked(now)
	}
}

// zoneOf returns the last two labels of a name, which is roughly what is bought.
// Where names are bought below three labels, many zones count as one.
func zoneOf(name string) string {
	at := strings.LastIndexByte(name, '.')
	return name[strings.LastIndexByte(name[:max(at, 0)], '.')+1:]
}

func (h *health) setLocked(o zoneOutcome) {
	for i := range h.zones {
		if h.zones[i].set && h.zones[i].zone == o.zone {
			h.zones[i] = o
			return
		}
	}
	h.zones[h.next] = o
	h.next = (h.next + 1) % zonesKept
}

func (h *health) countLocked(now int64) (good, bad int) {
	for _, o := range h.zones {
		switch {
		case !o.set || now-o.at > int64(outcomeLife):
		case o.failed:
			bad++
		default:
			good++
		}
	}
	return good, bad
}

// testLocked starts a test unless the last one was just now.
func (h *health) testLocked(now int64) {
	if h.testing || h.testedAt != 0 && now-h.testedAt < int64(testPause) {
		return
	}
	h.testing, h.testedAt = true, max(now, 1)
	h.test(h.tested)
}

// tested takes note of how a test ended.
func (h *health) tested(working bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.testing = false
	now := h.now()
	switch {
	case working && h.degraded:
		h.endLocked(now)
	case working:
		h.log.Debug("many dns lookups fail, but the resolvers work: the domains asked for are to blame")
	case !h.degraded:
		h.degraded, h.since = true, now
		good, bad := h.countLocked(now)
		h.log.Error("dns is down: lookups fail whatever is asked, and results cannot be relied on until it works again",
			zap.Int("zones_failing", bad), zap.Int("zones_answered", good))
	}
}

func (h *health) endLocked(now int64) {
	h.degraded = false
	h.zones = [zonesKept]zoneOutcome{} // these were about what is over
	h.log.Info("dns works again", zap.Duration("after", time.Duration(now-h.since)))
}

// Degraded reports whether the resolvers fail: lookups in most zones fail, and so
// does one of a random name, which no stranger can influence. A sender with any
// number of dead domains does not bring this about. Callers should defer what they
// have to decide. The log says when it begins and when it ends.
func (r *Resolver) Degraded() bool {
	h := r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.degraded {
		// Callers that defer ask nothing, so a test must find the end.
		h.testLocked(h.now())
	}
	return h.degraded
}

// test asks for a name that nobody can have asked for, and calls done with whether
// there was an answer.
func (r *Resolver) test(done func(working bool)) {
	r.flights.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
		defer cancel()
		working := false
		defer func() { // also if something panics
			if r.flights.ctx.Err() == nil {
				done(working)
			}
		}()
		for _, zone := range testZones {
			_, fail := r.follow(ctx, testLabel()+"."+zone, A)
			if working = fail == nil; working || ctx.Err() != nil {
				break
			}
		}
	})
}

// testLabel returns a label that is not registered, as far as chance goes.
func testLabel() string {
	b := []byte("dnscache-test-0123456789")
	for i := len(b) - 10; i < len(b); i++ {
		b[i] = 'a' + byte(rand.Uint32N(26))
	}
	return string(b)
}
