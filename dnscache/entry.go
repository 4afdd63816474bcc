package dnscache

import (
	"net/netip"
	"reflect"
	"sync/atomic"
	"time"
)

// entry is one answer in the store. Times are in ns on the resolver's clock. The fields that
// readers use are atomic or never change. The last fields are protected by the lock of the
// shard.
type entry struct {
	// A hit reads no further than to the end of the key's name, which most often
	// lies within two lines of the processor's cache.
	refreshAt int64   // from then on a hit refreshes it; equal to expires if none does
	answer    *Answer // the answer for a hit
	outcome   Outcome // of answer
	uses      atomic.Uint32
	key

	expires    int64
	usableTo   int64        // expires, or later if it may be served stale
	retryAt    atomic.Int64 // after a failure, serve it stale without a query until then
	refreshing atomic.Bool  // the refresh ahead of expiry has begun
	derived    atomic.Pointer[derivation]
	shard      atomic.Pointer[shard] // set when it is put

	cost         int64 // bytes, with those of derived
	inMain       bool
	foreign      bool // from another cache; never changes
	newer, older *entry
}

// An entry is refreshed in the last tenth of its TTL, if the TTL leaves time for
// it and the entry was used at least twice.
const (
	refreshPart   = 10
	refreshMinTTL = 20 * time.Second
	refreshUses   = 2
)

// maxUses bounds the count of an entry's uses, as S3-FIFO does.
const maxUses = 3

// newEntry returns the entry of an answer that arrived at now and lives for ttl.
// It may be served for stale longer when the servers fail. start is the time of
// day at which the clock was 0.
func newEntry(k key, a Answer, now int64, start time.Time, ttl, stale time.Duration) *entry {
	e := &entry{key: k, outcome: a.Outcome, answer: &a}
	e.expires = now + int64(ttl)
	e.usableTo = e.expires + int64(stale)
	e.refreshAt = e.expires
	if ttl >= refreshMinTTL {
		e.refreshAt -= int64(ttl / refreshPart)
	}
	a.Expires = start.Add(time.Duration(e.expires))
	a.Cached = true
	a.entry = e
	e.cost = allocated(entrySize) + allocated(len(k.long)) + a.cost()
	return e
}

// fresh reports whether the TTL has not ended, usable whether the answer may be
// served, fresh or stale.
func (e *entry) fresh(now int64) bool  { return now < e.expires }
func (e *entry) usable(now int64) bool { return now < e.usableTo }

// touch counts a use. Concurrent readers may lose one.
func (e *entry) touch() {
	if n := e.uses.Load(); n < maxUses {
		e.uses.Store(n + 1)
	}
}

// waited returns the answer for callers that waited for it. It is like the answer for a hit,
// with Cached false and the same derived values.
func (e *entry) waited() *Answer {
	a := *e.answer
	a.Cached = false
	return &a
}

// stale returns the answer for use after its TTL. Each call makes a new one, so
// that an outage does not make the cache grow.
func (e *entry) stale() *Answer {
	a := *e.answer
	a.Stale = true
	return &a
}

var (
	entrySize    = sizeOf[entry]()
	answerSize   = sizeOf[Answer]()
	stringSize   = sizeOf[string]()
	addrSize     = sizeOf[netip.Addr]()
	exchangeSize = sizeOf[Exchange]()
)

func sizeOf[T any]() int { return int(reflect.TypeFor[T]().Size()) }

// cost returns the octets of memory that the answer takes.
func (a *Answer) cost() int64 {
	n := allocated(answerSize) + allocated(len(a.Canonical))
	n += allocated(cap(a.TXT) * stringSize)
	for _, s := range a.TXT {
		n += allocated(len(s))
	}
	n += allocated(cap(a.Addrs) * addrSize)
	n += allocated(cap(a.MX) * exchangeSize)
	for _, m := range a.MX {
		n += allocated(len(m.Host))
	}
	n += allocated(cap(a.Names) * stringSize)
	for _, s := range a.Names {
		n += allocated(len(s))
	}
	n += allocated(cap(a.Data) * stringSize)
	for _, s := range a.Data {
		n += allocated(len(s))
	}
	return n
}

// allocated returns roughly the memory that the allocator takes for n octets. Its size
// classes are steps of 16 octets at first, and of an eighth of a power of two later.
func allocated(n int) int64 {
	step := 16
	for p := 256; p <= n && step < 8192; p <<= 1 {
		step = p / 8
	}
	return int64((n + step - 1) / step * step)
}
