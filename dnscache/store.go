package dnscache

import (
	"hash/maphash"
	"math/bits"
)

// store keeps answers by question. Reading takes no lock and allocates nothing:
// a reader walks a table of atomic pointers to entries that never change, and
// leaves a mark on the one it found. Writers of one shard take turns.
type store struct {
	seed   maphash.Seed // so that nobody can aim names at one shard or slot
	shift  uint
	shards []shard
}

// Each shard has at least this much room, so that the shares of its queues mean
// something and one big answer does not empty it.
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

// hash is that of a key; hashOf the same of its parts. The type is mixed in so
// that the types of a name lie apart in shards and slots.
func (s *store) hash(key []byte) uint64 {
	return maphash.Bytes(s.seed, key[2:]) ^ typeHash(Type(key[0])<<8|Type(key[1]))
}

func (s *store) hashOf(name string, t Type) uint64 {
	return maphash.String(s.seed, name) ^ typeHash(t)
}

func typeHash(t Type) uint64 { return uint64(t) * 0x9e3779b97f4a7c15 }

// shard takes the hash's high bits; the table within takes the low ones.
func (s *store) shard(hash uint64) *shard { return &s.shards[hash>>s.shift] }

// get returns the entry of a key, or nil. It tells nothing of its age.
func (s *store) get(hash uint64, key []byte) *entry { return s.shard(hash).get(hash, key) }

// find is get by the parts of a key.
func (s *store) find(hash uint64, name string, t Type) *entry {
	return probe(s.shard(hash).table.Load(), hash, t, name)
}

// put makes e the entry of its key. now lets eviction tell what has expired.
func (s *store) put(e *entry, now int64) { s.shard(e.hash).put(e, now) }

// delete drops the entry of a key.
func (s *store) delete(hash uint64, key string) { s.shard(hash).delete(hash, key) }

// remove drops the entries that match selects and returns how many.
func (s *store) remove(match func(*entry) bool) int {
	n := 0
	for i := range s.shards {
		n += s.shards[i].remove(match)
	}
	return n
}

// each calls f for every entry; f must not come back to the store.
func (s *store) each(f func(*entry)) {
	for i := range s.shards {
		s.shards[i].each(f)
	}
}

// usage returns how many entries there are, what they cost in bytes with the
// index, and how many were evicted so far.
func (s *store) usage() (entries int, bytes int64, evicted uint64) {
	for i := range s.shards {
		n, b, e := s.shards[i].usage()
		entries, bytes, evicted = entries+n, bytes+b, evicted+e
	}
	return
}
