package dnscache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A snapshot is a header, the answers, and the SHA-256 of all that. The header
// is the magic, the version and the time it was taken (Unix, ns), big-endian.
// Each answer has its length before it; a length of 0 ends them.
const (
	snapshotMagic   = "DNSCACHE"
	snapshotVersion = 1
	snapshotHeader  = len(snapshotMagic) + 2 + 8
	// maxRecord bounds one answer: what a message of 64 KB can say, names
	// without compression.
	maxRecord = 4 << 20
)

// ErrSnapshot is the reason of Load for a file that is not a whole snapshot of
// a version that it knows.
var ErrSnapshot = errors.New("dnscache: not a usable snapshot")

// Save writes what is known now to a file, from which Load makes a cache warm
// again. The file is replaced in one step when it is complete, so that whatever
// happens there is an old one or a new one. Only its owner may read it: it
// tells who writes to whom.
//
// Trouble, expired answers and what consumers derived are not saved.
func (r *Resolver) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("dnscache: snapshot: %w", err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain when all went well
	defer f.Close()
	if err := r.writeSnapshot(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// wall is the time of day.
func (r *Resolver) wall() time.Time {
	if r.opt.Now != nil {
		return r.opt.Now()
	}
	return time.Now()
}

func (r *Resolver) writeSnapshot(to io.Writer) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<16)
	now := r.now()
	header := binary.BigEndian.AppendUint16([]byte(snapshotMagic), snapshotVersion)
	if _, err := w.Write(binary.BigEndian.AppendUint64(header, uint64(r.wall().UnixNano()))); err != nil {
		return err
	}
	var shard, one []byte
	for i := range r.store.shards {
		// Nobody waits for the disk with a shard's lock.
		shard = shard[:0]
		r.store.shards[i].each(func(e *entry) {
			if !e.fresh(now) || !e.outcome.Known() {
				return
			}
			if one = appendRecord(one[:0], e, now); len(one) <= maxRecord {
				shard = append(binary.AppendUvarint(shard, uint64(len(one))), one...)
			}
		})
		if _, err := w.Write(shard); err != nil {
			return err
		}
	}
	if err := w.WriteByte(0); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

// Load takes the answers of a snapshot that have not expired meanwhile into the
// cache, and returns how many. What the cache has already is newer and stays. A
// file that is damaged, of another version or from the future changes nothing;
// the error says so, as [ErrSnapshot]. Without a file the error is
// [io/fs.ErrNotExist].
//
// Answers are believed to be authentic only if all upstreams of now are trusted
// to say so.
func (r *Resolver) Load(path string) (n int, err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrSnapshot) {
			err = fmt.Errorf("dnscache: snapshot: %w", err)
		}
	}()
	// Opening something else than a file could wait for ever.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%w: %s is not a file", ErrSnapshot, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err = r.readSnapshot(f, info.Size())
	if err != nil {
		return n, fmt.Errorf("%w: %s: %w", ErrSnapshot, path, err)
	}
	return n, nil
}

// readSnapshot reads a snapshot of a size twice: whether it is whole, and what
// it says.
func (r *Resolver) readSnapshot(f io.ReaderAt, size int64) (n int, err error) {
	body := size - sha256.Size
	if body < int64(snapshotHeader)+1 {
		return 0, errors.New("too short")
	}
	var head [snapshotHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, err
	}
	version := binary.BigEndian.Uint16(head[len(snapshotMagic):])
	switch {
	case string(head[:len(snapshotMagic)]) != snapshotMagic:
		return 0, errors.New("something else")
	case version != snapshotVersion:
		return 0, fmt.Errorf("version %d, not %d", version, snapshotVersion)
	}
	passed := r.wall().Sub(time.Unix(0, int64(binary.BigEndian.Uint64(head[len(head)-8:]))))
	if passed < 0 {
		return 0, errors.New("taken in the future: one of the clocks was wrong")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, body)); err != nil {
		return 0, err
	}
	var want [sha256.Size]byte
	if _, err := f.ReadAt(want[:], body); err != nil {
		return 0, err
	}
	if !bytes.Equal(sum.Sum(nil), want[:]) {
		return 0, errors.New("checksum is wrong")
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f, int64(snapshotHeader), body-int64(snapshotHeader)), 1<<16)
	return r.readRecords(in, passed)
}

func (r *Resolver) readRecords(in *bufio.Reader, passed time.Duration) (n int, err error) {
	trusted := true
	for _, u := range *r.asking.all.Load() {
		trusted = trusted && u.trusted
	}
	now := r.now()
	var b []byte
	for {
		length, err := binary.ReadUvarint(in)
		switch {
		case err != nil:
			return n, err
		case length == 0:
			return n, nil
		case length > maxRecord:
			return n, errRecord
		}
		if uint64(cap(b)) < length {
			b = make([]byte, length)
		}
		b = b[:length]
		if _, err := io.ReadFull(in, b); err != nil {
			return n, err
		}
		rec, err := readRecord(b)
		if err != nil {
			return n, err
		}
		rec.answer.Authentic = rec.answer.Authentic && trusted
		if r.restore(rec, now, passed) {
			n++
		}
	}
}

// restore puts one answer of a snapshot into the store, unless it is of no use.
func (r *Resolver) restore(rec record, now int64, passed time.Duration) bool {
	ttl, stale := min(rec.left-passed, r.opt.MaxTTL), time.Duration(0)
	if rec.answer.Outcome == Found {
		stale = r.opt.MaxStale
	} else {
		ttl = min(ttl, r.opt.NegativeTTL)
	}
	hash := r.store.hash([]byte(rec.key))
	if ttl <= 0 || r.store.get(hash, []byte(rec.key)) != nil {
		return false
	}
	e := newEntry(hash, rec.key, rec.answer, now, r.born, ttl, stale)
	e.inMain = rec.inMain
	e.freq.Store(uint32(min(rec.freq, maxFreq)))
	r.store.put(e, now)
	return true
}
