package dnscache

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// These constants are for the averages of an upstream's performance and for its back-off.
const (
	newestWeight = 0.2              // of the newest measurement in the averages
	backOffFrom  = 3                // failures in a row
	backOffMin   = time.Second      // until it is tried; doubled with each further failure
	backOffMax   = 60 * time.Second // at most
)

// upstream is one resolver with its measurements.
type upstream struct {
	endpoint
	text    string // the endpoint, for people
	trusted bool   // its AD bit and its extended errors are trusted
	udp     *udpClient
	streams *streams
	log     *zap.Logger
	now     func() int64 // ns, the resolver's clock
	// background runs f in the background, or not at all once closed.
	background     func(f func(ctx context.Context)) bool
	attemptTimeout time.Duration
	outage         *outage
	denied         func() // drops the negative answers in the cache
	proof          proof
	validation     validation
	answeredAt     atomic.Int64  // on the resolver's clock; -1 before the first response
	silent         atomic.Bool   // it answers nothing, whatever it is asked
	instead        chan struct{} // one value per question over TCP as UDP was in vain
	estimate       estimate
	concurrency    concurrency

	edns edns
	mix  mix

	mu       sync.Mutex
	latency  float64 // ns, moving average of answers
	failing  float64 // 0 to 1, moving average
	failures int     // in a row
	retryAt  int64   // during back-off, when it is tried again
	counters UpstreamStats
}

func newUpstream(e endpoint, us *upstreams) *upstream {
	o := us.opt
	u := &upstream{
		endpoint: e, text: e.String(), udp: us.udp, log: o.Logger, now: us.now, background: us.background,
		attemptTimeout: o.AttemptTimeout, outage: &us.outage, denied: us.denied,
		instead: make(chan struct{}, maxInstead),
	}
	u.concurrency.upstream, u.concurrency.log, u.concurrency.recovery = u.text, o.Logger, &us.recovery
	u.concurrency.now, u.concurrency.most = us.now, o.MaxInFlight
	u.answeredAt.Store(-1)
	local := e.addr.Addr().Unmap().IsLoopback()
	u.trusted = o.TrustAD.trusts(local, us.confTrusts.Load())
	// Responses cannot be forged on loopback or within TLS.
	u.mix.wanted.Store(!local && e.name == "")
	u.streams = newStreams(e, &o, us.background)
	u.streams.broken = u.certificate
	return u
}

// query sends one question to the upstream and measures the result. The error says why there
// is no usable response. The response may be a failure.
func (u *upstream) query(ctx context.Context, name string, t Type) (*dns.Msg, error) {
	start := time.Now()
	resp, err := u.exchange(ctx, name, t)
	took := time.Since(start)
	switch cause := context.Cause(ctx); {
	case err == nil:
		u.answeredAt.Store(u.now())
		if !u.denies(resp) {
			u.outage.answered(resp.Rcode == dns.RcodeServerFailure)
		}
		// SERVFAIL concerns the name, REFUSED concerns this host.
		u.measured(took, resp.Rcode == dns.RcodeRefused || resp.Rcode == dns.RcodeNotAuth, nil)
	case errors.Is(cause, errSuperseded):
		u.superseded(took) // it is slow, but not broken
	case errors.Is(cause, context.Canceled):
	default:
		u.measured(took, true, err)
	}
	return resp, err
}

// silentSince reports whether there was no response since a time.
func (u *upstream) silentSince(since int64) bool { return u.answeredAt.Load() < since }

// measured updates the averages with the result of one query.
func (u *upstream) measured(took time.Duration, bad bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.counters.Queries++
	if !bad {
		if u.failures >= backOffFrom {
			u.log.Info("dns upstream answers again", zap.String("upstream", u.text), zap.Int("failures", u.failures))
		}
		u.failing -= newestWeight * u.failing
		u.failures, u.retryAt = 0, 0
		u.averageLocked(took)
		u.counters.observe(took)
		return
	}
	u.counters.Failures++
	if timedOut(err) {
		u.counters.Timeouts++
	}
	u.failing += newestWeight * (1 - u.failing)
	if u.failures++; u.failures < backOffFrom {
		return
	}
	wait := backOffMax
	if n := u.failures - backOffFrom; n < 6 {
		wait = min(backOffMin<<n, backOffMax)
	}
	u.retryAt = u.now() + int64(wait)
	if u.failures == backOffFrom {
		u.log.Warn("dns upstream fails, asked last from now on", zap.String("upstream", u.text), zap.Error(err))
	}
}

// superseded records that a response would have taken longer than this.
func (u *upstream) superseded(took time.Duration) {
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
	u.latency += newestWeight * (float64(took) - u.latency)
}

func (u *upstream) count(f func(*UpstreamStats)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.counters)
}

// rank returns the place of the upstream in the order: those in back-off come last, and lower
// cost comes first.
func (u *upstream) rank() (backOff bool, cost float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failures >= backOffFrom, u.latency * (1 + 4*u.failing)
}

// retryDue reports, to one caller only, that an upstream in back-off should be
// tried.
func (u *upstream) retryDue() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if u.failures < backOffFrom || now < u.retryAt {
		return false
	}
	u.retryAt = now + int64(backOffMax) // measured replaces it
	return true
}

// hedgeAfter returns how long a response may take before the next upstream is queried too.
func (u *upstream) hedgeAfter() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return max(50*time.Millisecond, time.Duration(3*u.latency))
}

func (u *upstream) stats() UpstreamStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.streams.mu.Lock()
	defer u.streams.mu.Unlock()
	s := u.counters
	u.estimate.mu.Lock()
	s.Lost, s.Retransmitted = u.estimate.lost, u.estimate.resent
	u.estimate.mu.Unlock()
	s.RetransmitAfter = u.estimate.timeout(u.attemptTimeout)
	u.concurrency.stats(&s)
	s.Connections, s.Resent = u.streams.dialed, u.streams.resent
	s.OpenConnections, s.MostConnections = len(u.streams.open), u.streams.limits.most
	if c := u.streams.certificate; c != nil {
		s.Certificate = c.text
	}
	s.Addr, s.Latency, s.BackOff = u.text, time.Duration(u.latency), u.failures >= backOffFrom
	return s
}

// timedOut reports whether an error means that there was no response, rather than a bad one.
func timedOut(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &ne) && ne.Timeout()
}

// certificate logs what is wrong with the certificate of the upstream, or that nothing is
// any longer.
func (u *upstream) certificate(broken *certificateError) {
	if broken == nil {
		u.log.Info("dns upstream has a valid certificate again", zap.String("upstream", u.text))
		return
	}
	u.log.Error("dns upstream is not asked, its certificate is not accepted", zap.String("upstream", u.text), zap.Error(broken))
}
