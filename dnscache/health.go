package dnscache

import (
	"math"
	"sync"
	"time"

	"go.uber.org/zap"
)

// When look-ups as a whole are in trouble: more than half of those of the last
// seconds failed, and there were enough to tell. It is over when less than a
// quarter fails.
const (
	healthHalfLife = 10 * time.Second
	healthLeast    = 10
	degradedAbove  = 0.5
	degradedBelow  = 0.25
)

// health is the circuit breaker's sense: it tells that it is the resolvers, not
// the names, that fail.
type health struct {
	log *zap.Logger
	now func() int64

	mu       sync.Mutex
	good     float64 // look-ups over the wire, fading with their age
	bad      float64
	at       int64
	degraded bool
}

// note takes the end of one look-up over the wire into account.
func (h *health) note(o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fadeLocked()
	if o.Known() {
		h.good++
	} else {
		h.bad++
	}
	total := h.good + h.bad
	switch {
	case !h.degraded && total >= healthLeast && h.bad > degradedAbove*total:
		h.degraded = true
		h.log.Error("most dns look-ups fail: results cannot be relied on until this is over",
			zap.Float64("failing", h.bad/total))
	case h.degraded && h.bad < degradedBelow*total:
		h.degraded = false
		h.log.Info("dns look-ups succeed again")
	}
}

func (h *health) fadeLocked() {
	now := h.now()
	if passed := now - h.at; passed > 0 {
		f := math.Exp2(-float64(passed) / float64(healthHalfLife))
		h.good, h.bad = h.good*f, h.bad*f
	}
	h.at = now
}

// Degraded reports whether most look-ups over the wire failed lately, so that
// it is the resolvers that are in trouble and not the names asked for. Callers
// should defer instead of judging. The log says so once, and once when it ends.
func (r *Resolver) Degraded() bool {
	r.health.mu.Lock()
	defer r.health.mu.Unlock()
	return r.health.degraded
}
