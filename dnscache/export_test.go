package dnscache

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"sync/atomic"
)

// Distrust treats the upstreams as if they were not on loopback: their AD bit
// is not believed, and they are asked in random case.
func (r *Resolver) Distrust() {
	for _, u := range *r.upstreams.list.Load() {
		u.trusted = false
		u.mix.wanted.Store(true)
	}
}

// MixesCase reports whether the first upstream is asked in random case.
func (r *Resolver) MixesCase() bool { return (*r.upstreams.list.Load())[0].mixesCase() }

// ErrSnapshot is the reason of Load for a file that is no usable snapshot.
var ErrSnapshot = errSnapshot

// HeapInUse returns the octets of the heap in use.
func HeapInUse() int64 { return heap() }

// Limit limits the queries in flight to each upstream, as if it had a quota.
func (r *Resolver) Limit(n int) {
	for _, u := range *r.upstreams.list.Load() {
		c := &u.concurrency
		c.mu.Lock()
		c.limit = float64(n)
		c.loweredAt = max(c.now(), 1)
		c.turns.setLimit(n)
		c.mu.Unlock()
	}
}

// DialInstead has the first upstream, over TLS, connect to another address once begin
// is called, as if its server had another certificate then. No lookup may come before.
func (r *Resolver) DialInstead(addr, name string, roots *x509.CertPool) (begin func()) {
	e := endpoint{addr: netip.MustParseAddrPort(addr), name: name}
	ss := (*r.upstreams.list.Load())[0].streams
	before, after := ss.dial, e.dialer(roots)
	var begun atomic.Bool
	ss.dial = func(ctx context.Context) (net.Conn, error) {
		if begun.Load() {
			return after(ctx)
		}
		return before(ctx)
	}
	return func() { begun.Store(true) }
}
