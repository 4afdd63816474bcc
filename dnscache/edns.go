package dnscache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// Some upstreams, or firewalls before them, drop queries with EDNS. A query that is not
// answered shows nothing: it may be lost, or the name's servers silent. So the upstream is
// then asked for what it answers whatever a sender does, several times with EDNS and without.
// Only if it answers none of the former and all of the latter, and no query of anybody
// meanwhile had an answer with EDNS, it goes without EDNS for noEDNSFor. Then it is tested
// again. Nobody off the path can bring that about, since nobody there can drop queries.
const (
	noEDNSFor       = 10 * time.Minute
	ednsKnown       = 2 * time.Second        // how long after an answer EDNS needs no test
	ednsLate        = 500 * time.Millisecond // without an answer, then there is a test
	ednsTestPause   = 2 * time.Second
	ednsTestEvery   = 60 * time.Millisecond // between the queries of a test
	ednsTestTimeout = 300 * time.Millisecond
	ednsTestQueries = 5 // with EDNS; every second one has a companion without
)

// errNoEDNS ends a query with EDNS when a test has shown that the upstream drops such.
var errNoEDNS = errors.New("the upstream drops queries with EDNS")

// edns is whether an upstream is asked with EDNS. The zero value means that it is.
type edns struct {
	offUntil   atomic.Int64 // on the resolver's clock
	answeredAt atomic.Int64 // the last query with EDNS; 0 if never
	drops      atomic.Bool  // such queries are dropped, as far as is known

	mu       sync.Mutex
	testing  bool
	testedAt int64
	late     map[*context.CancelCauseFunc]bool // of the queries that wait for the test
}

func (e *edns) on()           { e.offUntil.Store(0) }
func (e *edns) off(now int64) { e.offUntil.Store(now + int64(noEDNSFor)) }

// answered records that a query with EDNS was answered.
func (e *edns) answered(now int64) { e.answeredAt.Store(max(now, 1)) }

// known reports whether EDNS has worked just now.
func (e *edns) known(now int64) bool {
	at := e.answeredAt.Load()
	return at != 0 && now-at < int64(ednsKnown)
}

// usesEDNS reports whether the next query should have EDNS. If the upstream has dropped such
// queries, a test decides, so that no question has to wait.
func (u *upstream) usesEDNS() bool {
	now := u.now()
	if now < u.edns.offUntil.Load() {
		return false
	}
	if !u.edns.drops.Load() {
		return true
	}
	u.edns.off(now)
	u.testEDNS()
	return false
}

// overUDP sends one query over UDP. The error is errNoEDNS if it should be sent without EDNS.
func (u *upstream) overUDP(ctx context.Context, q query) (resp *dns.Msg, useTCP bool, err error) {
	defer func() {
		if q.edns && err == nil {
			u.edns.answered(u.now())
		}
	}()
	if !q.edns || u.edns.known(u.now()) {
		return u.udp.exchange(ctx, u.addr, q, &u.estimate)
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.edns.wait(&cancel)
	defer u.edns.leave(&cancel)
	defer time.AfterFunc(ednsLate, u.testEDNS).Stop()
	resp, useTCP, err = u.udp.exchange(limited, u.addr, q, &u.estimate)
	if err != nil && errors.Is(context.Cause(limited), errNoEDNS) {
		return nil, false, errNoEDNS
	}
	return resp, useTCP, err
}

func (e *edns) wait(cancel *context.CancelCauseFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.late == nil {
		e.late = map[*context.CancelCauseFunc]bool{}
	}
	e.late[cancel] = true
}

func (e *edns) leave(cancel *context.CancelCauseFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.late, cancel)
}

// testEDNS finds out in the background whether the upstream drops queries with EDNS, unless
// that was tested just now.
func (u *upstream) testEDNS() {
	u.background(func(ctx context.Context) {
		if !u.edns.begin(u.now()) {
			return
		}
		drops, works := false, false
		defer func() { u.testedEDNS(drops, works) }()
		drops, works = u.dropsEDNS(ctx)
	})
}

// begin reports whether a test should begin.
func (e *edns) begin(now int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.testing || e.known(now) || e.testedAt != 0 && now-e.testedAt < int64(ednsTestPause) {
		return false
	}
	e.testing, e.testedAt = true, max(now, 1)
	return true
}

// testedEDNS records how a test ended.
func (u *upstream) testedEDNS(drops, works bool) {
	e := &u.edns
	e.mu.Lock()
	e.testing = false
	if drops {
		for cancel := range e.late {
			(*cancel)(errNoEDNS)
		}
	}
	e.mu.Unlock()
	switch {
	case drops:
		e.off(u.now())
		if e.drops.CompareAndSwap(false, true) {
			u.log.Warn("dns upstream drops queries with EDNS, and is asked without", zap.String("upstream", u.text), zap.Duration("tried_again_after", noEDNSFor))
		}
	case works && e.drops.CompareAndSwap(true, false):
		e.on()
		u.log.Info("dns upstream answers queries with EDNS again", zap.String("upstream", u.text))
	}
}

// dropsEDNS asks with EDNS and without. drops is true if only the queries without were
// answered, and works if one with EDNS was.
func (u *upstream) dropsEDNS(ctx context.Context) (drops, works bool) {
	before := u.edns.answeredAt.Load()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct{ edns, answered bool }
	results := make(chan result)
	var running sync.WaitGroup
	ask := func(edns bool) {
		running.Go(func() {
			limited, cancel := context.WithTimeout(ctx, ednsTestTimeout)
			defer cancel()
			_, _, err := u.udp.exchange(limited, u.addr, query{name: existing[0], t: NS, edns: edns}, &estimate{})
			select {
			case results <- result{edns, err == nil}:
			case <-ctx.Done():
			}
		})
	}
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		for i := range ednsTestQueries {
			if i > 0 {
				select {
				case <-time.After(ednsTestEvery):
				case <-ctx.Done():
					return
				}
			}
			ask(true)
			if i%2 == 0 {
				ask(false)
			}
		}
	})
	for range ednsTestQueries + (ednsTestQueries+1)/2 {
		select {
		case r := <-results:
			switch {
			case r.edns && r.answered:
				return false, true
			case !r.edns && !r.answered:
				return false, false
			}
		case <-ctx.Done():
			return false, false
		}
	}
	return u.edns.answeredAt.Load() == before, false
}
