package dnscache

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// shard is one part of the store. Eviction is S3-FIFO (Yang et al., SOSP 2023). New entries
// pass through a small queue, and reach the main queue only if they are used again. Any
// number of names that are looked up once displace only one another.
type shard struct {
	table atomic.Pointer[table]

	mu        sync.Mutex
	maxBytes  int64
	now       int64  // of the last put
	fixed     int64  // bytes of table and ghosts
	tombstone *entry // in slots whose entry was removed
	live      int    // entries in the table
	used      int    // slots of the table that are not nil
	small     queue
	main      queue
	ghosts    ghosts
	evicted   uint64

	_ [64]byte // keeps writes to the next shard out of the cache line of the table pointer
}

const (
	smallPart   = 10 // the small queue has a tenth of the memory
	biggestPart = 4  // and no entry more than a quarter
)

func (s *shard) init(maxBytes int64) {
	s.maxBytes = maxBytes
	s.tombstone = &entry{} // its name is empty, so no lookup finds it
	// There are as many ghosts as entries of common size fit.
	s.ghosts = make(ghosts, powerOfTwo(int(maxBytes/1024)))
	s.resizeLocked(minSlots)
}

func (s *shard) put(e *entry, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.shard.Store(s)
	s.now = now
	if e.cost > s.maxBytes/biggestPart {
		s.deleteLocked(&e.key)
		return
	}
	slot, old := s.slotLocked(&e.key)
	if old != nil {
		e.uses.Store(old.uses.Load())
		s.queueOf(old).replace(old, e)
		slot.Store(e)
	} else {
		if slot.Load() == nil {
			s.used++
		}
		s.live++
		slot.Store(e)
		e.inMain = s.ghosts.take(e.hash) || e.inMain
		s.queueOf(e).push(e)
	}
	// At most half full: a probe that meets another entry costs a cache miss.
	if s.used*2 > len(s.table.Load().slots) {
		s.resizeLocked(powerOfTwo(s.live * 3))
	}
	s.shrinkLocked()
}

// charge adds n octets to the cost of an entry, if it is still in the shard.
func (s *shard) charge(e *entry, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, kept := s.slotLocked(&e.key); kept != e {
		return
	}
	e.cost += n
	s.queueOf(e).bytes += n
	if e.cost > s.maxBytes/biggestPart {
		s.deleteLocked(&e.key)
	}
	s.shrinkLocked()
}

func (s *shard) delete(k *key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteLocked(k)
}

func (s *shard) deleteLocked(k *key) bool {
	slot, old := s.slotLocked(k)
	if old == nil {
		return false
	}
	s.queueOf(old).unlink(old)
	slot.Store(s.tombstone)
	s.live--
	return true
}

func (s *shard) slotLocked(k *key) (*atomic.Pointer[entry], *entry) {
	return s.table.Load().slot(k, s.tombstone)
}

func (s *shard) queueOf(e *entry) *queue {
	if e.inMain {
		return &s.main
	}
	return &s.small
}

// shrinkLocked evicts entries until the shard is within its bound.
func (s *shard) shrinkLocked() {
	for s.bytesLocked() > s.maxBytes && s.live > 0 {
		if s.small.head != nil && (s.small.bytes > s.maxBytes/smallPart || s.main.head == nil) {
			s.evictSmallLocked()
		} else {
			s.evictMainLocked()
		}
	}
}

// evictSmallLocked takes the oldest entry of the small queue. The entry moves to
// the main queue if it was used and still has a use.
func (s *shard) evictSmallLocked() {
	e := s.small.tail
	s.small.unlink(e)
	if e.uses.Load() > 0 && e.usable(s.now) {
		e.uses.Store(0)
		e.inMain = true
		s.main.push(e)
		return
	}
	s.ghosts.add(e.hash)
	s.dropLocked(e)
}

// evictMainLocked takes the oldest entry of the main queue. The entry gets another
// round for each use, as long as it is usable.
func (s *shard) evictMainLocked() {
	e := s.main.tail
	s.main.unlink(e)
	if n := e.uses.Load(); n > 0 && e.usable(s.now) {
		e.uses.Store(n - 1)
		s.main.push(e)
		return
	}
	s.dropLocked(e)
}

// dropLocked takes an entry that is in no queue out of the table.
func (s *shard) dropLocked(e *entry) {
	if slot, old := s.slotLocked(&e.key); old == e {
		slot.Store(s.tombstone)
		s.live--
		s.evicted++
	}
}

// resizeLocked replaces the table by one of n slots without tombstones. Readers
// of the old table miss at most what is put from now on.
func (s *shard) resizeLocked(n int) {
	t := newTable(n, &s.small, &s.main)
	s.table.Store(t)
	s.used = s.live
	s.fixed = int64(len(t.slots)*slotSize + len(s.ghosts)*ghostSize)
}

func (s *shard) bytesLocked() int64 { return s.fixed + s.small.bytes + s.main.bytes }

func (s *shard) remove(match func(*entry) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, q := range []*queue{&s.small, &s.main} {
		for e := q.head; e != nil; {
			older := e.older
			if match(e) && s.deleteLocked(&e.key) {
				n++
			}
			e = older
		}
	}
	if n > 0 {
		s.resizeLocked(powerOfTwo(s.live * 3))
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

func (s *shard) usage() (entries int, bytes int64, evicted uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live, s.bytesLocked(), s.evicted
}

// powerOfTwo returns the least power of two that is not less than n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
