package dnscache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// A resolver that cannot resolve may deny everything: an empty one, one behind the portal
// of a network, one that lost its forwarders. Its negative answers would be taken for
// statements of domains, such as that they have no policy. So a negative answer counts
// only from an upstream that has just found something. If it has not, it is asked for
// what must exist.

// proofLife is how long an upstream is believed to find things after it has found one.
const proofLife = time.Second

// existing are names that have NS records, whatever a sender does. Some resolvers do not
// answer for the first.
var existing = [...]string{".", "com.", "org."}

// errDenies is the reason of not believing a negative answer.
var errDenies = errors.New("it denies that the root and com have name servers, so it denies everything")

// proof is when an upstream has last found something.
type proof struct {
	mu      sync.Mutex
	until   int64         // on the resolver's clock; 0 before the first
	running chan struct{} // closed when the running query for existing names ends; nil if none runs
	denies  bool          // the last query for them was answered with a denial
}

// found records that an upstream has found something.
func (p *proof) found(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = now + int64(proofLife)
	p.denies = false
}

// foundWithin reports whether an upstream has found something in the time d before now.
func (p *proof) foundWithin(d time.Duration, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until != 0 && now-(p.until-int64(proofLife)) < int64(d)
}

// proves reports whether a negative answer of the upstream may be believed. It asks for
// what must exist unless the upstream has just found something. Concurrent callers share
// the query. An upstream that refuses these questions, or that fails meanwhile, has not
// denied anything, and is believed.
func (u *upstream) proves(ctx context.Context) bool {
	p := &u.proof
	p.mu.Lock()
	if u.now() < p.until {
		p.mu.Unlock()
		return true
	}
	if p.running == nil {
		running := make(chan struct{})
		if !u.background(func(ctx context.Context) { u.askExisting(ctx, running) }) {
			p.mu.Unlock()
			return true
		}
		p.running = running
	}
	running := p.running
	p.mu.Unlock()
	select {
	case <-running:
	case <-ctx.Done():
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.denies
}

// askExisting asks the upstream for the names that must exist, and closes ended.
func (u *upstream) askExisting(ctx context.Context, ended chan struct{}) {
	denies, found := false, false
	defer func() {
		p := &u.proof
		p.mu.Lock()
		denied := p.denies
		p.running, p.denies = nil, denies
		if found {
			p.until = u.now() + int64(proofLife)
		}
		p.mu.Unlock()
		close(ended)
		switch {
		case found && denied:
			u.log.Info("dns upstream finds names again", zap.String("upstream", u.text))
		case denies && !denied:
			u.log.Error("dns upstream denies everything, its answers are not used", zap.String("upstream", u.text))
			u.denied()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, u.attemptTimeout)
	defer cancel()
	for _, name := range existing {
		resp, err := u.exchange(ctx, name, NS)
		if err != nil {
			return
		}
		if resp.Rcode == dns.RcodeSuccess || resp.Rcode == dns.RcodeNameError {
			c := newChain(name)
			if c.read(resp, NS) == nil && c.outcome == Found {
				found, denies = true, false
				u.outage.end(noneReached)
				return
			}
			denies = true
		}
	}
}
