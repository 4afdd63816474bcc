package dnscache

import (
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"
)

// entry is one answer in the store. Times are in ns on the resolver's clock.
// What readers see never changes, apart from the atomic fields; the links
// belong to the shard's lock.
type entry struct {
	// What every hit looks at lies together, with the octets of a key that fits.
	hash       uint64
	key        string
	expires    int64
	refreshAt  int64         // from then on a hit renews it ahead of expiry
	freq       atomic.Uint32 // hits, up to maxFreq, for eviction and demand
	refreshing atomic.Bool   // somebody renews it
	outcome    Outcome       // of the answer
	short      [maxShort]byte
	usableTo   int64        // expires, or later if it may be served stale
	quietUntil atomic.Int64 // the servers failed: serve stale, do not ask, until then

	// answer has Cached set; it is what every hit gets.
	answer  Answer
	derived atomic.Pointer[derivation]
	home    atomic.Pointer[shard] // set when it is put

	cost         int64 // with what was derived so far
	inMain       bool
	newer, older *entry
}

// maxShort is the longest key that lies within its entry, where the comparison
// finds it without another miss of the processor's cache.
const maxShort = 48

// Refreshing ahead starts in the last tenth of a TTL, for TTLs that leave time
// for it, for names asked for at least twice.
const (
	refreshPart   = 10
	refreshMinTTL = 20 * time.Second
	refreshDemand = 2
)

// newEntry makes the entry of an answer that arrived at now and lives for ttl.
// stale is how much longer it may be served when the servers fail.
func newEntry(hash uint64, key string, a Answer, now int64, born time.Time, ttl, stale time.Duration) *entry {
	e := &entry{hash: hash, key: key, outcome: a.Outcome, answer: a}
	if len(key) <= maxShort {
		copy(e.short[:], key)
		e.key = unsafe.String(&e.short[0], len(key))
	}
	e.expires = now + int64(ttl)
	e.usableTo = e.expires + int64(stale)
	e.refreshAt = e.expires
	if ttl >= refreshMinTTL {
		e.refreshAt -= int64(ttl / refreshPart)
	}
	e.answer.Expires = born.Add(time.Duration(e.expires))
	e.answer.Cached = true
	e.answer.entry = e
	e.cost = e.size()
	return e
}

// asked returns the answer for those who waited for it: as the hits get it,
// sharing what is derived, but not from the cache.
func (e *entry) asked() *Answer {
	a := e.answer
	a.Cached = false
	return &a
}

// staleAnswer returns the answer for use after its TTL. It is made anew each
// time, so that an outage does not make the cache grow.
func (e *entry) staleAnswer() *Answer {
	a := e.answer
	a.Stale = true
	return &a
}

// touch leaves the mark of one use.
func (e *entry) touch() {
	if f := e.freq.Load(); f < maxFreq {
		e.freq.Store(f + 1)
	}
}

func (e *entry) fresh(now int64) bool  { return now < e.expires }
func (e *entry) usable(now int64) bool { return now < e.usableTo }

// name and typ are the question.
func (e *entry) name() string { return e.key[2:] }
func (e *entry) typ() Type    { return Type(e.key[0])<<8 | Type(e.key[1]) }

// size returns what the entry costs in bytes: what was allocated for it.
func (e *entry) size() int64 {
	a := &e.answer
	n := allocated(int(unsafe.Sizeof(*e))) + allocated(len(a.Canonical))
	if len(e.key) > maxShort {
		n += allocated(len(e.key))
	}
	n += allocated(cap(a.TXT) * int(unsafe.Sizeof("")))
	for _, s := range a.TXT {
		n += allocated(len(s))
	}
	n += allocated(cap(a.Addrs) * int(unsafe.Sizeof(netip.Addr{})))
	n += allocated(cap(a.MX) * int(unsafe.Sizeof(Exchange{})))
	for _, m := range a.MX {
		n += allocated(len(m.Host))
	}
	n += allocated(cap(a.Names) * int(unsafe.Sizeof("")))
	for _, s := range a.Names {
		n += allocated(len(s))
	}
	return n
}

// allocated returns about what the allocator takes for n bytes: its size
// classes are steps of 16 bytes at first, of an eighth of a power of two later.
func allocated(n int) int64 {
	step := 16
	for p := 256; p <= n && step < 8192; p <<= 1 {
		step = p / 8
	}
	return int64((n + step - 1) / step * step)
}
