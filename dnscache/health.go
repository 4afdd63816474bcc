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

// These constants are for distinguishing a failure of the resolvers from failures of the
// names that are looked up.
//
// Senders choose the names. A sender with domains whose servers are dead makes lookups fail,
// on a quiet server most of them, so failed lookups alone prove nothing. They are counted
// once per zone. If most zones fail, a test looks up a random name below a top-level domain
// whose servers always answer. No upstream has that name in its cache, and no sender can
// make its lookup fail. If there is an answer, such as NXDOMAIN, the resolvers work.
const (
	zonesKept   = 64               // outcomes kept, one per zone, of the zones asked for last
	outcomeLife = 30 * time.Second // how long an outcome counts
	leastZones  = 4                // failed zones that a test needs
	testAbove   = 0.5              // part of all zones that must have failed for a test
	endBelow    = 0.25             // part below which degradation ends without a test
	testPause   = 5 * time.Second  // between two tests
)

// testZones are the zones of a test. The second is used if the first fails.
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

// observe records the outcome of a question. The name is as keys have it.
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

// zoneOf returns the last two labels of a name, which roughly are a registered domain. Below
// a public suffix of two labels, many domains count as one zone.
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

// tested records the result of a test.
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

// Degraded reports whether the resolvers fail: lookups in most zones fail, and so does that
// of a random name, which no sender can influence. A sender cannot cause it with any number
// of dead domains. Callers should defer their decisions. The start and the end are logged.
func (r *Resolver) Degraded() bool {
	h := r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.degraded {
		// Callers that defer make no lookups, so a test must find the end.
		h.testLocked(h.now())
	}
	return h.degraded
}

// test looks up a random name, and calls done with whether there was an answer.
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

// testLabel returns a random label that almost certainly is not registered.
func testLabel() string {
	b := []byte("dnscache-test-0123456789")
	for i := len(b) - 10; i < len(b); i++ {
		b[i] = 'a' + byte(rand.Uint32N(26))
	}
	return string(b)
}
