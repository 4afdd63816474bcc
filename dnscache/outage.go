package dnscache

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// outage is the time during which no upstream can be reached. It begins when a question
// fails for that reason, and ends with the first response of any upstream.
type outage struct {
	now     func() int64
	on      atomic.Bool
	endedAt atomic.Int64 // on the resolver's clock; failures from before do not count

	mu    sync.Mutex
	ended chan struct{} // closed at the end; nil unless somebody waits
}

// answers reports whether an upstream answers for a name that exists. It asks each once.
func (us *upstreams) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, us.opt.AttemptTimeout)
	defer cancel()
	list := *us.list.Load()
	replies := make(chan bool, len(list))
	for _, u := range list {
		go func() {
			ok := false
			defer func() { replies <- ok }()
			resp, err := u.exchange(ctx, existing[0], NS)
			if ok = err == nil && resp.Rcode != dns.RcodeRefused; ok {
				us.outage.end()
			}
		}()
	}
	any := false
	for range list {
		if <-replies {
			any = true
			cancel()
		}
	}
	return any
}

// begin records that no upstream can be reached.
func (o *outage) begin() { o.on.Store(true) }

// end records that an upstream works, and wakes up the lookups that wait for that.
func (o *outage) end() {
	if o.on.Load() && o.on.CompareAndSwap(true, false) {
		o.forget()
	}
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
