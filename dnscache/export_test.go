package dnscache

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
