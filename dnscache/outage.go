package dnscache

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// outage is the time during which no upstream answers for any name. It begins when a question
// fails for that reason, and ends with the first answer of any upstream. Meanwhile the
// questions wait for the end, and only one of them is put now and then.
type outage struct {
	now     func() int64
	on      atomic.Int32 // an outageState
	endedAt atomic.Int64 // on the resolver's clock; failures from before do not count
	why     atomic.Pointer[failure]

	mu     sync.Mutex
	ended  chan struct{} // closed at the end; nil unless somebody waits
	turnAt time.Time     // when the next question may be put
	probe  *probe        // nil unless one runs
}

// outageState is what upstreams do in an outage. A greater one includes the lesser ones.
type outageState int32

const (
	noOutage    outageState = iota
	noneAnswers             // they answer SERVFAIL
	noneReached             // they refuse connections, deny everything, or are silent
)

// turnPause is the time from one question to the next in an outage.
const turnPause = 100 * time.Millisecond

func (o *outage) state() outageState { return outageState(o.on.Load()) }

// begin records that the upstreams fail, and how.
func (o *outage) begin(s outageState, f *failure) {
	o.why.Store(f)
	for {
		before := o.on.Load()
		if before >= int32(s) {
			return
		}
		if o.on.CompareAndSwap(before, int32(s)) {
			o.mu.Lock()
			o.turnAt = time.Now().Add(turnPause)
			o.mu.Unlock()
			return
		}
	}
}

// end records that an upstream no longer fails in a way, and wakes up the lookups that
// wait for that.
func (o *outage) end(s outageState) {
	if before := o.on.Load(); before == int32(s) && o.on.CompareAndSwap(before, int32(noOutage)) {
		o.forget()
	}
}

// answered records a response to a question. Only an answer ends an outage in which the
// upstreams answer SERVFAIL.
func (o *outage) answered(failed bool) {
	switch s := o.state(); {
	case s == noOutage:
	case s == noneAnswers && failed:
	default:
		o.end(s)
	}
}

// await waits until a question may be put: at once without an outage, otherwise when it
// ends or when it is the question's turn. It returns why the upstreams fail if ctx ends
// before.
func (o *outage) await(ctx context.Context) *failure {
	for {
		ended := o.over() // before the state, so that no end is missed
		if o.state() == noOutage {
			return nil
		}
		wait := o.turn()
		if wait == 0 {
			return nil
		}
		timer := time.NewTimer(wait + rand.N(turnPause/2))
		select {
		case <-timer.C:
		case <-ended:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return o.why.Load()
		}
	}
}

// turn takes the turn, and returns 0. If it is not yet time, it returns how long that takes.
func (o *outage) turn() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if wait := o.turnAt.Sub(now); wait > 0 {
		return wait
	}
	o.turnAt = now.Add(turnPause)
	return 0
}

// forget makes the failures so far count no more.
func (o *outage) forget() {
	o.endedAt.Store(o.now())
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended != nil {
		close(o.ended)
		o.ended = nil
	}
}

// over returns a channel that is closed at the next end.
func (o *outage) over() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended == nil {
		o.ended = make(chan struct{})
	}
	return o.ended
}
