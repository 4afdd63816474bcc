package dnscache

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// vouches reports whether the resolvers work, so that a failure in a zone is about that
// zone. An answer in another zone shows it, if it came after since or just before, and few
// zones fail. Otherwise a test must pass. vouches waits for its end.
func (h *health) vouches(ctx context.Context, zone string, since int64) bool {
	h.mu.Lock()
	ended, works := h.vouchLocked(zone, since)
	h.mu.Unlock()
	if ended == nil {
		return works
	}
	select {
	case <-ended:
	case <-ctx.Done():
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.passedLocked(h.now()) && !h.degraded
}

// prompt is vouches without waiting for the test. It reports false as long as one runs.
func (h *health) prompt(zone string, since int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, works := h.vouchLocked(zone, since)
	return works
}

// answerLife is how long before a question an answer in another zone shows that the
// resolvers work.
const answerLife = time.Second

// vouchLocked returns whether the resolvers work. If only a test can tell, it starts one
// and returns the channel that is closed at its end.
func (h *health) vouchLocked(zone string, since int64) (ended <-chan struct{}, works bool) {
	now := h.now()
	if h.degraded {
		return nil, false
	}
	if h.passedLocked(now) {
		return nil, true
	}
	if _, bad := h.countLocked(now); bad < leastZones && h.answeredLocked(maphash.String(h.seed, zone), since-int64(answerLife)) {
		return nil, true
	}
	if h.testLocked(now); h.testing == nil {
		return nil, false // the last one failed just now
	}
	return h.testing, false
}

// refused records that a question in a zone was refused, and reports whether one in
// another zone was.
func (h *health) refused(zone string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, hash := h.now(), maphash.String(h.seed, zone)
	others := false
	for _, o := range h.refusals {
		others = others || o.set && o.zone != hash && now-o.at < int64(outcomeLife)
	}
	if last := &h.refusals[0]; !last.set || last.zone != hash {
		h.refusals[1] = *last
	}
	h.refusals[0] = zoneOutcome{zone: hash, at: now, failed: true, set: true}
	return others
}

// answeredLocked reports whether there was an answer in another zone since a time.
func (h *health) answeredLocked(zone uint64, since int64) bool {
	for _, o := range h.zones {
		if o.set && !o.failed && o.zone != zone && o.at >= since {
			return true
		}
	}
	return false
}

// test looks up a random name, and calls done with whether there was an answer.
func (r *Resolver) test(done func(working bool)) {
	r.flights.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithValue(ctx, controlKey{}, true), r.opt.Timeout)
		defer cancel()
		working := false
		defer func() { // also if something panics
			if r.flights.ctx.Err() == nil {
				done(working)
			}
		}()
		for _, zone := range testZones {
			reply := r.upstreams.query(ctx, newChain(testLabel()+"."+zone), A)
			if working = reply.failure == nil; working || ctx.Err() != nil {
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

// retest starts a test if the resolvers are degraded.
func (h *health) retest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.degraded && h.testing == nil {
		h.testing, h.testedAt = make(chan struct{}), max(h.now(), 1)
		h.test(h.tested)
	}
}
