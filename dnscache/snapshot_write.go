package dnscache

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
)

// snapshotReader writes a snapshot as it is read, shard by shard, so that no lock is held and
// no goroutine waits while the answers are on their way.
type snapshotReader struct {
	r   *Resolver
	now int64
	sum hash.Hash
	// foreign takes only answers for another cache: those that were found.
	foreign bool
	// left is how many octets of answers may still be written.
	left int64
	// With foreign, the main queues of all shards come first, as their answers are in
	// demand. next is the next shard, rest that the small queues are read now.
	next  int
	rest  bool
	ended bool
	b, one,
	pending []byte // pending is the part of b that was not read yet
}

// snapshot returns a reader of a snapshot with all answers.
func (r *Resolver) snapshot() *snapshotReader {
	taken := r.wallClock() // before the time by which answers end, so that none gains time
	s := &snapshotReader{r: r, now: r.now(), sum: sha256.New(), left: 1 << 62}
	header := binary.BigEndian.AppendUint16([]byte(snapshotMagic), snapshotVersion)
	s.give(binary.BigEndian.AppendUint64(header, uint64(taken.UnixNano())))
	return s
}

// Export returns a reader of a snapshot for the cache of another machine, see Import. It has
// the answers that were found and have not expired; of more than MaxExport, those in demand.
// It reveals who writes to whom.
func (r *Resolver) Export() io.Reader {
	s := r.snapshot()
	s.foreign, s.left = true, MaxExport-int64(snapshotHeader)-1-sha256.Size
	return s
}

// Read implements [io.Reader].
func (s *snapshotReader) Read(p []byte) (int, error) {
	for len(s.pending) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		s.advance()
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// give makes b what is read next, and part of the checksum.
func (s *snapshotReader) give(b []byte) {
	s.sum.Write(b)
	s.pending = b
}

// advance gives the answers of the next shard or, after the last one, the end.
func (s *snapshotReader) advance() {
	if s.next == len(s.r.store.shards) && s.foreign && !s.rest {
		s.next, s.rest = 0, true
	}
	if s.next == len(s.r.store.shards) {
		s.give([]byte{0})
		s.pending = s.sum.Sum(s.pending)
		s.ended = true
		return
	}
	s.b = s.b[:0]
	s.r.store.shards[s.next].each(s.add)
	s.next++
	s.give(s.b)
}

// add appends an entry to s.b if it belongs to the snapshot.
func (s *snapshotReader) add(e *entry) {
	if !e.fresh(s.now) || !e.outcome.Known() || s.foreign && (e.outcome != Found || e.inMain == s.rest) {
		return
	}
	s.one = appendSaved(s.one[:0], e, s.now)
	if len(s.one) > maxSaved {
		return
	}
	before := len(s.b)
	s.b = append(binary.AppendUvarint(s.b, uint64(len(s.one))), s.one...)
	if s.left -= int64(len(s.b) - before); s.left < 0 {
		s.left = 0
		s.b = s.b[:before]
	}
}
