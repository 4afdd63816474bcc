package dnscache

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// shard is one part of the store. Eviction is S3-FIFO (Yang et al., SOSP 2023):
// new entries pass through a small queue and stay only if they are asked for
// again, so names that are seen once, however many, displace only one another.
type shard struct {
	table atomic.Pointer[table]

	mu      sync.Mutex
	max     int64  // bytes
	now     int64  // of the last put
	fixed   int64  // bytes of table and ghosts
	grave   *entry // stands in slots whose entry is gone
	live    int    // entries in the table
	used    int    // slots of the table that are not nil
	small   queue
	main    queue
	ghosts  ghosts
	evicted uint64

	_ [64]byte // keeps a neighbour's writes off this one's table pointer
}

// table is an index with linear probing. A slot is nil, an entry, or the
// shard's grave, behind which a probe goes on.
type table struct {
	slots []atomic.Pointer[entry]
}

const (
	minSlots  = 64
	smallPart = 10 // the small queue has a tenth of the room
	maxFreq   = 3
	// biggestPart bounds one entry's share of a shard.
	biggestPart = 4
)

func (s *shard) init(maxBytes int64) {
	s.max, s.grave = maxBytes, &entry{key: "\x00\x00"} // of the empty name, which nobody asks for
	// As many ghosts as there may be entries of common size.
	s.ghosts = make(ghosts, powerOfTwo(int(maxBytes/1024)))
	s.resize(minSlots)
}

func (s *shard) get(hash uint64, key []byte) *entry {
	return probe(s.table.Load(), hash, Type(key[0])<<8|Type(key[1]), key[2:])
}

// probe returns the entry of a name and type, or nil.
func probe[N string | []byte](t *table, hash uint64, typ Type, name N) *entry {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.slots[i].Load()
		if e == nil {
			return nil
		}
		if e.hash == hash && e.key[2:] == string(name) && e.typ() == typ {
			return e
		}
	}
}

func (s *shard) put(e *entry, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.home.Store(s)
	s.now = now
	if e.cost > s.max/biggestPart {
		s.deleteLocked(e.hash, e.key)
		return
	}
	slot, old := s.slotLocked(e.hash, e.key)
	if old != nil {
		e.freq.Store(old.freq.Load())
		q := s.queueOf(old)
		q.replace(old, e)
		slot.Store(e)
	} else {
		if slot.Load() == nil {
			s.used++
		}
		s.live++
		slot.Store(e)
		if e.inMain = s.ghosts.take(e.hash) || e.inMain; e.inMain {
			s.main.push(e)
		} else {
			s.small.push(e)
		}
	}
	// At most half full: a probe that meets another entry costs a cache miss.
	if s.used*2 > len(s.table.Load().slots) {
		s.resize(powerOfTwo(s.live * 3))
	}
	s.shrinkLocked()
}

// charge adds n bytes to what an entry costs, if it is still kept.
func (s *shard) charge(e *entry, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, kept := s.slotLocked(e.hash, e.key); kept != e {
		return
	}
	e.cost += n
	s.queueOf(e).bytes += n
	if e.cost > s.max/biggestPart {
		s.deleteLocked(e.hash, e.key)
	}
	s.shrinkLocked()
}

func (s *shard) shrinkLocked() {
	for s.bytesLocked() > s.max && s.live > 0 {
		s.evictLocked(s.now)
	}
}

// slotLocked returns the slot that holds the key, or one where it can be put.
func (s *shard) slotLocked(hash uint64, key string) (*atomic.Pointer[entry], *entry) {
	t := s.table.Load()
	mask := uint64(len(t.slots) - 1)
	var free *atomic.Pointer[entry]
	for i := hash & mask; ; i = (i + 1) & mask {
		switch e := t.slots[i].Load(); {
		case e == nil:
			if free == nil {
				free = &t.slots[i]
			}
			return free, nil
		case e == s.grave:
			if free == nil {
				free = &t.slots[i]
			}
		case e.hash == hash && e.key == key:
			return &t.slots[i], e
		}
	}
}

// evictLocked makes one step towards less: an entry moves on or goes. Those of
// no more use at now go first come.
func (s *shard) evictLocked(now int64) {
	if s.small.head != nil && (s.small.bytes > s.max/smallPart || s.main.head == nil) {
		e := s.small.tail
		s.small.unlink(e)
		if e.freq.Load() > 0 && e.usable(now) {
			e.freq.Store(0)
			e.inMain = true
			s.main.push(e)
			return
		}
		s.ghosts.add(e.hash)
		s.dropLocked(e)
		return
	}
	e := s.main.tail
	s.main.unlink(e)
	if f := e.freq.Load(); f > 0 && e.usable(now) {
		e.freq.Store(f - 1)
		s.main.push(e)
		return
	}
	s.dropLocked(e)
}

// dropLocked takes an entry that is in no queue out of the table.
func (s *shard) dropLocked(e *entry) {
	slot, old := s.slotLocked(e.hash, e.key)
	if old == e {
		slot.Store(s.grave)
		s.live--
		s.evicted++
	}
}

func (s *shard) delete(hash uint64, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteLocked(hash, key)
}

func (s *shard) deleteLocked(hash uint64, key string) bool {
	slot, old := s.slotLocked(hash, key)
	if old == nil {
		return false
	}
	s.queueOf(old).unlink(old)
	slot.Store(s.grave)
	s.live--
	return true
}

func (s *shard) queueOf(e *entry) *queue {
	if e.inMain {
		return &s.main
	}
	return &s.small
}

// resize replaces the table by one of n slots without burials. Readers of the
// old one miss at most what is put from now on.
func (s *shard) resize(n int) {
	t := &table{slots: make([]atomic.Pointer[entry], max(n, minSlots))}
	s.table.Store(s.fill(t))
	s.used = s.live
	s.fixed = int64(len(t.slots))*int64(unsafe.Sizeof(t.slots[0])) + int64(len(s.ghosts))*int64(unsafe.Sizeof(s.ghosts[0]))
}

func (s *shard) fill(t *table) *table {
	mask := uint64(len(t.slots) - 1)
	for _, q := range []*queue{&s.small, &s.main} {
		for e := q.head; e != nil; e = e.older {
			i := e.hash & mask
			for t.slots[i].Load() != nil {
				i = (i + 1) & mask
			}
			t.slots[i].Store(e)
		}
	}
	return t
}

func (s *shard) bytesLocked() int64 { return s.fixed + s.small.bytes + s.main.bytes }

func (s *shard) remove(match func(*entry) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, q := range []*queue{&s.small, &s.main} {
		for e := q.head; e != nil; {
			older := e.older
			if match(e) && s.deleteLocked(e.hash, e.key) {
				n++
			}
			e = older
		}
	}
	if n > 0 {
		s.resize(powerOfTwo(s.live * 3))
	}
	return n
}

// each calls f for every entry, in each queue the oldest first.
func (s *shard) each(f func(*entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range []*queue{&s.main, &s.small} {
		for e := q.tail; e != nil; e = e.newer {
			f(e)
		}
	}
}

func (s *shard) usage() (int, int64, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live, s.bytesLocked(), s.evicted
}

// queue is a list of entries from the newest, at the head, to the oldest.
type queue struct {
	head, tail *entry
	bytes      int64
}

func (q *queue) push(e *entry) {
	e.newer, e.older = nil, q.head
	if q.head != nil {
		q.head.newer = e
	} else {
		q.tail = e
	}
	q.head = e
	q.bytes += e.cost
}

func (q *queue) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.head = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.tail = e.newer
	}
	e.newer, e.older = nil, nil
	q.bytes -= e.cost
}

// replace puts e into the place of old.
func (q *queue) replace(old, e *entry) {
	e.newer, e.older, e.inMain = old.newer, old.older, old.inMain
	if e.newer != nil {
		e.newer.older = e
	} else {
		q.head = e
	}
	if e.older != nil {
		e.older.newer = e
	} else {
		q.tail = e
	}
	old.newer, old.older = nil, nil
	q.bytes += e.cost - old.cost
}

// ghosts remembers the hashes of what the small queue let go; one that returns
// has proved itself. A later one takes an earlier one's place.
type ghosts []uint32

func (g ghosts) at(hash uint64) (*uint32, uint32) {
	return &g[hash&uint64(len(g)-1)], uint32(hash>>24) | 1
}

func (g ghosts) add(hash uint64) {
	p, mark := g.at(hash)
	*p = mark
}

func (g ghosts) take(hash uint64) bool {
	p, mark := g.at(hash)
	if *p != mark {
		return false
	}
	*p = 0
	return true
}

func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p <<= 1
	}
	return p
}
