package dnscache

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// store keeps answers by question. Readers take no lock and allocate nothing. They search a
// table of atomic pointers to entries that do not change, and count a use of the one they
// find. Writers lock one shard.
type store struct {
	seed   maphash.Seed // random, so that senders cannot choose names for one shard or slot
	shift  uint
	shards []shard
}

// Each shard has at least this much memory, so that its two queues have room for
// many entries and one big answer does not empty it.
const (
	minShardBytes = 1 << 20
	maxShards     = 256
)

func newStore(maxBytes int64) *store {
	n := min(max(maxBytes/minShardBytes, 1), maxShards)
	log := bits.Len64(uint64(n)) - 1
	s := &store{seed: maphash.MakeSeed(), shift: uint(64 - log), shards: make([]shard, 1<<log)}
	for i := range s.shards {
		s.shards[i].init(maxBytes >> log)
	}
	return s
}

// key returns the key of a question. The name is as normalize writes it.
func (s *store) key(name string, t Type) key {
	return newKey(s.hash(name, t), name, t)
}

// hash returns the hash of a question. The type is mixed in so that the types of
// a name lie apart in shards and slots.
func (s *store) hash(name string, t Type) uint64 { return maphash.String(s.seed, name) ^ typeHash(t) }

// hashBytes is hash for a name that is not a string.
func (s *store) hashBytes(name []byte, t Type) uint64 {
	return maphash.Bytes(s.seed, name) ^ typeHash(t)
}

func typeHash(t Type) uint64 { return uint64(t) * 0x9e3779b97f4a7c15 }

// shard returns the shard of a hash, by its high bits. The table in the shard uses the low
// bits.
func (s *store) shard(hash uint64) *shard { return &s.shards[hash>>s.shift] }

// get returns the entry of a key, or nil. The entry may have expired.
func (s *store) get(k *key) *entry {
	if k.length <= maxShort {
		return s.findBytes(k.hash, k.short[:k.length], k.typ)
	}
	return s.find(k.hash, k.long, k.typ)
}

// find is get by the parts of a key, findBytes for a name that is not a string.
func (s *store) find(hash uint64, name string, t Type) *entry {
	return find(s.shard(hash).table.Load(), hash, name, t)
}

func (s *store) findBytes(hash uint64, name []byte, t Type) *entry {
	return find(s.shard(hash).table.Load(), hash, name, t)
}

// put stores e as the entry of its key. Eviction prefers entries that have expired at now.
func (s *store) put(e *entry, now int64) { s.shard(e.hash).put(e, now) }

// delete removes the entry of a key.
func (s *store) delete(k *key) { s.shard(k.hash).delete(k) }

// remove removes the entries for which match returns true, and returns their number.
func (s *store) remove(match func(*entry) bool) int {
	n := 0
	for i := range s.shards {
		n += s.shards[i].remove(match)
	}
	return n
}

// each calls f for every entry. f must not call the store.
func (s *store) each(f func(*entry)) {
	for i := range s.shards {
		s.shards[i].each(f)
	}
}

// usage returns the number of entries, their octets with the index, and the number of entries
// evicted so far.
func (s *store) usage() (entries int, bytes int64, evicted uint64) {
	for i := range s.shards {
		n, b, e := s.shards[i].usage()
		entries, bytes, evicted = entries+n, bytes+b, evicted+e
	}
	return entries, bytes, evicted
}

// table is an index with linear probing. A slot is nil, an entry, or the shard's tombstone,
// after which a probe continues.
type table struct {
	slots []atomic.Pointer[entry]
}

const minSlots = 64

var slotSize = sizeOf[atomic.Pointer[entry]]()

// newTable returns a table with so many slots, a power of two, and the entries of
// the queues.
func newTable(slots int, queues ...*queue) *table {
	t := &table{slots: make([]atomic.Pointer[entry], max(slots, minSlots))}
	mask := uint64(len(t.slots) - 1)
	for _, q := range queues {
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

// find returns the entry of a question, or nil.
func find[N string | []byte](t *table, hash uint64, name N, typ Type) *entry {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := t.slots[i].Load()
		if e == nil {
			return nil
		}
		if e.hash == hash && e.typ == typ && hasName(&e.key, name) {
			return e
		}
	}
}

// slot returns the slot of a key and its entry or, if it has none, a slot for it and nil.
func (t *table) slot(k *key, tombstone *entry) (*atomic.Pointer[entry], *entry) {
	mask := uint64(len(t.slots) - 1)
	var free *atomic.Pointer[entry]
	for i := k.hash & mask; ; i = (i + 1) & mask {
		slot := &t.slots[i]
		switch e := slot.Load(); {
		case e == nil:
			if free == nil {
				free = slot
			}
			return free, nil
		case e == tombstone:
			if free == nil {
				free = slot
			}
		case e.key == *k:
			return slot, e
		}
	}
}
