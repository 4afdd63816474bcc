package dnscache

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// Over UDP, a forger must guess the port and the id of a query, and also the case of the
// letters in its name (draft-vixie-dnsext-dns0x20). Some upstreams change the case. Such a
// response is not believed by itself. TCP tells whether it is genuine, and an upstream
// without TCP must say the same twice, in response to two queries that have nothing in
// common but the question. It is then asked without random case for noMixFor.
const (
	noMixFor = 10 * time.Minute
	// enoughLetters is how many letters a name has that does not keep its case by chance.
	enoughLetters = 12
)

// mix is whether an upstream is asked in random case.
type mix struct {
	wanted  atomic.Bool
	until   atomic.Int64 // not until then, on the resolver's clock
	changes atomic.Bool  // the upstream changes the case, as far as is known
}

// mixesCase reports whether the upstream is asked in random case now.
func (u *upstream) mixesCase() bool { return u.mix.wanted.Load() && u.now() >= u.mix.until.Load() }

// changesCase records that the upstream itself, and no forger, changes the case.
func (u *upstream) changesCase() {
	u.mix.until.Store(u.now() + int64(noMixFor))
	if u.mix.changes.CompareAndSwap(false, true) {
		u.log.Warn("dns upstream changes the case of names, which makes its answers easier to forge", zap.String("upstream", u.text), zap.Duration("tried_again_after", noMixFor))
	}
}

// keptCase records that a response has kept the case of the query.
func (u *upstream) keptCase(q query) {
	if q.mixCase && u.mix.changes.Load() && letters(q.name) >= enoughLetters && u.mix.changes.CompareAndSwap(true, false) {
		u.log.Info("dns upstream keeps the case of names", zap.String("upstream", u.text))
	}
}

func letters(name string) int {
	n := 0
	for i := range len(name) {
		if c := name[i] | 0x20; 'a' <= c && c <= 'z' {
			n++
		}
	}
	return n
}

// inOtherCase returns the response to a query, after one over UDP that has the question in
// another case.
func (u *upstream) inOtherCase(ctx context.Context, q query, last *dns.Msg) (*dns.Msg, error) {
	limited, cancel := half(ctx)
	resp, sameCase, err := u.overStream(limited, q)
	cancel()
	if err == nil && !sameCase && len(resp.Question) == 1 {
		u.changesCase()
	}
	if err == nil || ctx.Err() != nil {
		return resp, err
	}
	for range 2 {
		again, useTCP, failed := u.overUDP(ctx, q)
		switch {
		case failed != nil:
			return nil, failed
		case !useTCP:
			return again, nil // the other one was forged
		case again == nil:
			return nil, err // truncated
		case sameContent(last, again):
			u.changesCase()
			return again, nil
		}
		last = again
	}
	return nil, err
}

// half returns a context with half of the time that is left.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(d)/2)
	}
	return context.WithCancel(ctx)
}

// sameContent reports whether two responses say the same, apart from the TTLs and the order
// of the records.
func sameContent(a, b *dns.Msg) bool {
	return a.Rcode == b.Rcode && a.AuthenticatedData == b.AuthenticatedData && sameRecords(a.Answer, b.Answer) && sameRecords(a.Ns, b.Ns)
}

func sameRecords(a, b []dns.RR) bool {
	if len(a) != len(b) {
		return false
	}
	taken := make([]bool, len(b))
next:
	for _, x := range a {
		for i, y := range b {
			if !taken[i] && dns.IsDuplicate(x, y) {
				taken[i] = true
				continue next
			}
		}
		return false
	}
	return true
}
