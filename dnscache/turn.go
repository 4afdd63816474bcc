package dnscache

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// controlKey marks the context of questions that find out whether the upstreams work, which
// wait for no turn.
type controlKey struct{}

// inTurn asks the upstream within the time of one attempt, which begins when there is a turn
// for it. The error is errBusy if ctx ended before.
func (u *upstream) inTurn(ctx context.Context, ask func(context.Context) (*dns.Msg, error)) (*dns.Msg, error) {
	waited, err := u.concurrency.take(ctx)
	if err != nil {
		return nil, err
	}
	turn := u.concurrency.began(u.estimate.timeout(u.attemptTimeout))
	how := endedUnknown
	defer func() { turn.end(how, u.usual()) }() // also if something panics
	attempt, cancel := context.WithTimeout(ctx, u.attemptTimeout)
	defer cancel()
	resp, err := ask(attempt)
	how = endingOf(ctx, resp, err)
	if waited && how == endedUnknown && timedOut(err) {
		// The end of the lookup cut it short, since it began late.
		err = fmt.Errorf("%w to this resolver: %w", errBusy, err)
	}
	return resp, err
}

// queryInTurn is query with a turn of its own.
func (u *upstream) queryInTurn(ctx context.Context, name string, t Type) (*dns.Msg, error) {
	return u.inTurn(ctx, func(ctx context.Context) (*dns.Msg, error) { return u.query(ctx, name, t) })
}

// take takes a turn, and reports whether it waited for that. The wait ends with ctx.
func (c *concurrency) take(ctx context.Context) (waited bool, err error) {
	if ctx.Value(controlKey{}) != nil {
		c.turns.force()
		return false, nil
	}
	if c.turns.try() {
		return false, nil
	}
	c.mu.Lock()
	c.waited++
	c.mu.Unlock()
	w := c.turns.wait(ctx)
	select {
	case <-w.ready:
		return true, nil
	case <-ctx.Done():
		c.turns.leave(w)
		return true, fmt.Errorf("%w to this resolver: %w", errBusy, ctx.Err())
	}
}

// endingOf returns how a query ended. ctx is that of the lookup: a query that its end cut
// short was not silent for the time of an attempt.
func endingOf(ctx context.Context, resp *dns.Msg, err error) ending {
	switch {
	case err != nil && timedOut(err) && !over(ctx):
		return endedSilent
	case err != nil:
		return endedUnknown
	case resp.Rcode == dns.RcodeRefused:
		return endedRefused
	case resp.Rcode == dns.RcodeServerFailure:
		return endedServFail
	}
	return endedAnswered
}

// usual returns how long answers of the upstream take.
func (u *upstream) usual() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Duration(u.latency)
}
