package dnscache

import (
	"hash/maphash"
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
// once per zone. If most zones fail, or one does and nothing shows that the resolvers work,
// a test looks up a random name below a top-level domain whose servers always answer. No
// upstream has that name in its cache, and no sender can make its lookup fail. If there is
// an answer, such as NXDOMAIN, the resolvers work. [upstream.proves] sees to it that an
// upstream that denies everything does not pass.
const (
	zonesKept   = 64                     // outcomes kept, one per zone, of the zones asked for last
	outcomeLife = 30 * time.Second       // how long an outcome counts
	leastZones  = 4                      // failed zones that a test needs
	testAbove   = 0.5                    // part of all zones that must have failed for a test
	endBelow    = 0.25                   // part below which degradation ends without a test
	testPause   = 5 * time.Second        // from a test that passed to the next, and how long it counts
	failedPause = 250 * time.Millisecond // the same for a test that failed
)

// testZones are the zones of a test. The second is used if the first fails.
var testZones = [...]string{"com.", "org."}

// health notices when the resolvers fail.
type health struct {
	log  *zap.Logger
	now  func() int64
	test func(done func(working bool)) // runs in the background, or not at all once closed
	seed maphash.Seed
	// watch starts to look for the end of the degradation; forget makes the failures
	// from before it count no more.
	watch, forget func()

	mu       sync.Mutex
	zones    [zonesKept]zoneOutcome
	refusals [2]zoneOutcome // of the last two zones for which a question was refused
	next     int            // the element of zones to replace next
	testedAt int64          // 0 if never
	passed   bool           // how that test ended
	testing  chan struct{}  // closed when the running test ends; nil if none runs
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
	switch {
	case h.degraded && float64(bad) < endBelow*float64(good+bad):
		h.endLocked(now)
	case h.degraded || !mostFail(good, bad):
	case h.failedLocked(now):
		h.degradeLocked(now, good, bad)
	default:
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

// passedLocked and failedLocked report how the last test ended, if it still counts.
func (h *health) passedLocked(now int64) bool {
	return h.testing == nil && h.passed && now-h.testedAt < int64(testPause)
}

func (h *health) failedLocked(now int64) bool {
	return h.testing == nil && !h.passed && h.testedAt != 0 && now-h.testedAt < int64(failedPause)
}

// testLocked starts a test unless one runs or the last one was just now.
func (h *health) testLocked(now int64) {
	if h.testing != nil || h.failedLocked(now) || h.passedLocked(now) {
		return
	}
	h.testing, h.testedAt = make(chan struct{}), max(now, 1)
	h.test(h.tested)
}

// tested records the result of a test.
func (h *health) tested(working bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.testing)
	h.testing, h.passed = nil, working
	now := h.now()
	good, bad := h.countLocked(now)
	switch {
	case working && h.degraded:
		h.endLocked(now)
	case working:
		h.log.Debug("many dns lookups fail, but the resolvers work: the domains asked for are to blame")
	case !h.degraded && mostFail(good, bad):
		h.degradeLocked(now, good, bad)
	}
}

func (h *health) degradeLocked(now int64, good, bad int) {
	h.degraded, h.since = true, now
	h.log.Error("dns is down: lookups fail whatever is asked, and results cannot be relied on until it works again",
		zap.Int("zones_failing", bad), zap.Int("zones_answered", good))
	h.watch()
}

// mostFail reports whether lookups in so many zones fail that the resolvers may be why.
func mostFail(good, bad int) bool {
	return bad >= leastZones && float64(bad) > testAbove*float64(good+bad)
}

func (h *health) endLocked(now int64) {
	h.degraded = false
	h.zones = [zonesKept]zoneOutcome{} // these were about what is over
	h.forget()
	h.log.Info("dns works again", zap.Duration("after", time.Duration(now-h.since)))
}

// Degraded reports whether the resolvers fail: lookups in most zones fail, and so does that
// of a random name, which no sender can influence. A sender cannot cause it with any number
// of dead domains. Callers should defer their decisions. The start and the end are logged.
func (r *Resolver) Degraded() bool {
	h := r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.degraded
}
