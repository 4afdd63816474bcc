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

// How it is told that the resolvers are in trouble and not the names.
//
// The names are chosen by strangers: whoever sends mail from dead domains makes
// look-ups fail, and on a quiet server he can make most of them fail. So
// failures alone prove nothing. They raise a suspicion, in which each zone has
// one vote, and the suspicion is put to a test: a name that nobody has asked for
// below a top-level domain whose servers always answer. The upstreams cannot
// have it in their caches and nobody outside can make it fail. If it is answered
// (NXDOMAIN will do) the names are to blame; if not, the resolvers are.
const (
	zonesKept    = 64               // votes, of the zones asked about last
	voteLife     = 30 * time.Second // and how long they count
	zonesLeast   = 4                // of so many zones in trouble
	suspectAbove = 0.5              // and more than this part of all
	trustBelow   = 0.25             // when it is over without a test
	testPause    = 5 * time.Second  // between two tests
)

// testZones are those below which a test asks; the second if the first fails.
var testZones = [...]string{"com.", "org."}

// health is the circuit breaker's sense.
type health struct {
	log  *zap.Logger
	now  func() int64
	test func(done func(working bool)) // runs in the background, or not at all while closing
	seed maphash.Seed

	mu       sync.Mutex
	votes    [zonesKept]vote
	next     int
	testedAt int64
	testing  bool
	degraded bool
	since    int64
}

// vote is what came last of the look-ups in one zone.
type vote struct {
	zone uint64
	at   int64
	bad  bool
	cast bool
}

// note takes the end of one look-up over the wire into account. The name is in
// the form of a key.
func (h *health) observe(name string, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	h.castLocked(vote{zone: maphash.String(h.seed, zoneOf(name)), at: now, bad: !o.Known(), cast: true})
	good, bad := h.countLocked(now)
	switch total := float64(good + bad); {
	case h.degraded && float64(bad) < trustBelow*total:
		h.endLocked(now)
	case h.degraded, bad >= zonesLeast && float64(bad) > suspectAbove*total:
		h.testLocked(now)
	}
}

// zoneOf returns the last two labels of a name: where a name is bought, if only
// roughly. Where it is bought below three, many zones have one vote.
func zoneOf(name string) string {
	at := strings.LastIndexByte(name, '.')
	return name[strings.LastIndexByte(name[:max(at, 0)], '.')+1:]
}

func (h *health) castLocked(v vote) {
	for i := range h.votes {
		if h.votes[i].cast && h.votes[i].zone == v.zone {
			h.votes[i] = v
			return
		}
	}
	h.votes[h.next] = v
	h.next = (h.next + 1) % zonesKept
}

func (h *health) countLocked(now int64) (good, bad int) {
	for _, v := range h.votes {
		switch {
		case !v.cast || now-v.at > int64(voteLife):
		case v.bad:
			bad++
		default:
			good++
		}
	}
	return good, bad
}

// testLocked starts a test unless there was one just now.
func (h *health) testLocked(now int64) {
	if h.testing || h.testedAt != 0 && now-h.testedAt < int64(testPause) {
		return
	}
	h.testing, h.testedAt = true, max(now, 1)
	h.test(h.tested)
}

// tested takes the end of a test into account.
func (h *health) tested(working bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.testing = false
	now := h.now()
	switch {
	case working && h.degraded:
		h.endLocked(now)
	case working:
		h.log.Debug("many dns look-ups fail, but the resolvers work: it is the domains asked for")
	case !h.degraded:
		h.degraded, h.since = true, now
		good, bad := h.countLocked(now)
		h.log.Error("dns is down: look-ups fail whatever is asked, results cannot be relied on until this is over",
			zap.Int("zones_failing", bad), zap.Int("zones_answered", good))
	}
}

func (h *health) endLocked(now int64) {
	h.degraded = false
	h.votes = [zonesKept]vote{} // they were about what is over
	h.log.Info("dns works again", zap.Duration("after", time.Duration(now-h.since)))
}

// Degraded reports whether the resolvers are in trouble: look-ups in most zones
// fail, and so does a name of our own choosing, which no stranger can influence.
// A sender with any number of dead domains does not bring this about. Callers
// should defer instead of judging. The log says so once, and once when it ends.
func (r *Resolver) Degraded() bool {
	h := r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.degraded {
		// Who defers asks no more; the end must be found all the same.
		h.testLocked(h.now())
	}
	return h.degraded
}

// test asks for a name that nobody can have asked for, and tells whether there
// was an answer.
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
			_, bad := r.ask(ctx, testLabel()+"."+zone, A)
			if working = bad == nil; working || ctx.Err() != nil {
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
