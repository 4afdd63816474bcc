package dnscache

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/miekg/dns"
)

// How the health of an upstream is kept.
const (
	weight      = 0.2              // of the newest measurement in the averages
	backOffFrom = 3                // failures in a row
	backOffMin  = time.Second      // doubled with each further failure
	backOffMax  = 60 * time.Second // then it is probed at this pace
	plainFor    = 10 * time.Minute // without EDNS before it is tried again
)

// upstream is one resolver that is asked, with what experience says of it.
type upstream struct {
	endpoint
	text    string // the endpoint, for people
	trusted bool   // its AD bit is believed
	wire    *wire
	streams *streams
	log     *zap.Logger
	now     func() int64 // ns, the resolver's clock

	plainUntil atomic.Int64 // it knows no EDNS, until then
	mixCase    atomic.Bool  // ask in random case

	mu       sync.Mutex
	latency  float64 // ns, moving average of answers
	failing  float64 // 0 to 1, moving average
	inARow   int
	retryAt  int64 // in back-off, not to be probed before
	counters UpstreamStats
}

func newUpstream(e endpoint, w *wire, o Options, now func() int64, background func(func(context.Context)) bool) *upstream {
	u := &upstream{endpoint: e, text: e.String(), wire: w, log: o.Logger, now: now}
	local := e.addr.Addr().Unmap().IsLoopback()
	u.trusted = local || o.TrustAD
	// Nobody forges on loopback, nor within TLS.
	u.mixCase.Store(!local && e.name == "")
	u.streams = &streams{
		dial: e.dialer(o.RootCAs), dialTime: o.AttemptTimeout, idle: max(streamIdle, o.AttemptTimeout), background: background,
	}
	return u
}

// ask puts one question to the upstream: over UDP, over TCP if the answer does
// not fit, without EDNS where the upstream does not know it. An error means
// that nothing usable came; the response may still be a failure.
func (u *upstream) ask(ctx context.Context, name string, t Type) (*dns.Msg, error) {
	start := time.Now()
	resp, err := u.exchange(ctx, name, t)
	took := time.Since(start)
	var bad bool
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errOvertaken):
		// Another upstream answered first: that says "slow", not "broken".
		u.slow(took)
		return nil, err
	case err != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return nil, err
	case err != nil:
		bad = true
	default:
		// SERVFAIL is about the name; REFUSED is about us.
		bad = resp.Rcode == dns.RcodeRefused || resp.Rcode == dns.RcodeNotAuth
	}
	u.learn(took, bad, err)
	return resp, err
}

func (u *upstream) exchange(ctx context.Context, name string, t Type) (*dns.Msg, error) {
	q := query{
		name: name, t: t, ad: u.trusted,
		edns:    u.now() >= u.plainUntil.Load(),
		mixCase: u.mixCase.Load(),
		pad:     u.name != "",
	}
	for {
		var resp *dns.Msg
		again := u.name != ""
		if !again {
			var err error
			if resp, again, err = u.wire.udp(ctx, u.addr, q); err != nil {
				return nil, err
			}
		}
		if again {
			u.count(func(s *UpstreamStats) { s.TCP++ })
			var kept bool
			var err error
			if resp, kept, err = q.stream(ctx, u.streams); err != nil {
				return nil, err
			}
			if q.mixCase && !kept && len(resp.Question) == 1 {
				u.mixCase.Store(false) // it is no forger, it changes the case itself
			}
		}
		// RFC 6891 section 7: such an upstream answers FORMERR or NOTIMP.
		refusesEDNS := resp.Rcode == dns.RcodeFormatError || resp.Rcode == dns.RcodeNotImplemented
		if !q.edns || !refusesEDNS {
			if !q.edns && refusesEDNS {
				u.plainUntil.Store(0) // EDNS was not what it minded
			}
			return resp, nil
		}
		q.edns = false
		u.plainUntil.Store(u.now() + int64(plainFor))
	}
}

// learn takes one measurement into account.
func (u *upstream) learn(took time.Duration, bad bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.counters.Queries++
	if !bad {
		if u.inARow >= backOffFrom {
			u.log.Info("dns upstream answers again", zap.String("upstream", u.text), zap.Int("failures", u.inARow))
		}
		u.failing -= weight * u.failing
		u.inARow, u.retryAt = 0, 0
		u.averageLocked(took)
		u.counters.observe(took)
		return
	}
	u.counters.Failures++
	if timedOut(err) {
		u.counters.Timeouts++
	}
	u.failing += weight * (1 - u.failing)
	if u.inARow++; u.inARow < backOffFrom {
		return
	}
	wait := backOffMax
	if n := u.inARow - backOffFrom; n < 6 {
		wait = min(backOffMin<<n, backOffMax)
	}
	u.retryAt = u.now() + int64(wait)
	if u.inARow == backOffFrom {
		u.log.Warn("dns upstream fails, asked last from now on", zap.String("upstream", u.text), zap.Error(err))
	}
}

// slow notes that an answer would have taken longer than this.
func (u *upstream) slow(took time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.counters.Queries++
	u.counters.Overtaken++
	if float64(took) > u.latency {
		u.averageLocked(took)
	}
}

func (u *upstream) averageLocked(took time.Duration) {
	if u.latency == 0 {
		u.latency = float64(took)
		return
	}
	u.latency += weight * (float64(took) - u.latency)
}

func (u *upstream) count(f func(*UpstreamStats)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.counters)
}

// rank tells how willingly the upstream is asked: less cost is better, and one
// in back-off comes after all others until it has answered once.
func (u *upstream) rank() (backOff bool, cost float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.inARow >= backOffFrom, u.latency * (1 + 4*u.failing)
}

// probeDue reports, to one caller only, that an upstream in back-off should be
// tried.
func (u *upstream) probeDue() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if u.inARow < backOffFrom || now < u.retryAt {
		return false
	}
	u.retryAt = now + int64(backOffMax) // learn sets it anew
	return true
}

// patience is how long an answer may take before a second upstream is asked.
func (u *upstream) patience() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return max(50*time.Millisecond, time.Duration(3*u.latency))
}

// timedOut tells that no answer came, as opposed to a bad one.
func timedOut(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &ne) && ne.Timeout()
}
