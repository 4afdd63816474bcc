package dnscache

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A SERVFAIL is most often about the name, whose servers fail. It may also come from a quota
// of the resolver, such as recursive-clients or fetches-per-server of named. Then the same
// question is answered when fewer are in flight. named keeps the SERVFAIL for a second
// (servfail-ttl), so that a question must be put again after that too.
const (
	soonServFails  = 3 // put again this often at once
	lateServFails  = 1 // and this often after servFailLife
	quotaServFails = 3 // the same after a sign of a quota, without soonServFails
	servFailLife   = 1050 * time.Millisecond
	overloadedFrom = 4                // questions in flight
	recoveredLife  = 10 * time.Second // since a question was answered after a SERVFAIL
)

// servFails counts how often a question is put again because of SERVFAIL.
type servFails struct {
	soon, late int
	last       time.Duration // the pause before the next time
}

// again reports whether a quota may be why a question was answered with SERVFAIL, so that
// it is put again.
func (s *servFails) again(ctx context.Context, quota, overloaded bool) bool {
	late := servFailLife + rand.N(maxPause)
	d, bounded := ctx.Deadline()
	switch {
	case quota && s.late < quotaServFails:
		s.late++
		s.last = late // if the time ends before, nobody knows whether it was the name
	case overloaded && !quota && s.soon < soonServFails:
		s.soon++
		s.last = minPause + rand.N(maxPause-minPause)
		if s.soon == 1 {
			s.last /= 10 // the first one may be an accident
		}
	// There must be time to find out afterwards whether the upstreams answer at all.
	case overloaded && s.late < lateServFails && (!bounded || time.Until(d) > late+2*maxPause):
		s.late++
		s.last = late
	default:
		return false
	}
	return true
}

// recovery is the part of the questions put again after SERVFAIL that were then answered, as
// a moving average. Where most are, SERVFAIL comes from a quota. Where few are, it comes from
// the names, of which a sender may bring many. Until one is known, a quota is thought likely.
type recovery struct {
	mu   sync.Mutex
	part float64 // less one half
}

func (y *recovery) add(answered bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	newest := -0.5
	if answered {
		newest = 0.5
	}
	y.part += newestWeight * (newest - y.part)
}

// likely reports whether SERVFAIL is a sign of a quota.
func (y *recovery) likely() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.part >= 0
}

// overloaded reports whether a SERVFAIL may come from a quota: many questions are in flight,
// or a question was answered just now after a SERVFAIL.
func (r *Resolver) overloaded() bool {
	at := r.recoveredAt.Load()
	return r.flights.count() >= overloadedFrom || at != 0 && r.now()-at < int64(recoveredLife)
}

// quota reports whether an upstream gave a sign of a quota just now.
func (us *upstreams) quota() bool {
	for _, u := range *us.list.Load() {
		if u.concurrency.quota() {
			return true
		}
	}
	return false
}
