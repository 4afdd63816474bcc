package dnscache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A snapshot is a header, the answers, and the SHA-256 of both. The header is the
// magic, the version, and the time it was taken (Unix, ns), big-endian. Each
// answer has its length before it; a length of 0 ends them.
const (
	snapshotMagic = "DNSCACHE"
	// Version 2 says which answers came from another cache. Version 1 is read too.
	snapshotVersion = 2
	snapshotHeader  = len(snapshotMagic) + 2 + 8
	// maxSaved bounds one answer: that of a message of 64 KB, with names that are not
	// compressed.
	maxSaved = 4 << 20
)

// errSnapshot is the error of Load for a file that is not a complete snapshot of a known
// version.
var errSnapshot = errors.New("dnscache: not a usable snapshot")

// Save writes the answers of the cache to a file for Load. It replaces the file atomically
// when the new one is complete. Only the owner may read the file, since it reveals who writes
// to whom.
//
// Failures, expired answers, and values derived from answers are not saved.
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
	defer os.Remove(f.Name()) // fails if all went well
	defer f.Close()
	if _, err := io.Copy(f, r.snapshot()); err != nil {
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

// Load puts the answers of a snapshot that have not expired into the cache, and returns their
// number. An answer that is already in the cache is newer and stays. A file that is damaged,
// of a newer version or from the future is an error and changes nothing. Without a file the
// error is [io/fs.ErrNotExist].
//
// Answers are authentic only if the AD bit of all present upstreams is trusted.
func (r *Resolver) Load(path string) (n int, err error) {
	defer func() {
		if err != nil && !errors.Is(err, errSnapshot) {
			err = fmt.Errorf("dnscache: snapshot: %w", err)
		}
	}()
	// Opening something other than a regular file could block for ever.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%w: %s is not a file", errSnapshot, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err = r.readSnapshot(f, info.Size())
	if err != nil {
		return n, fmt.Errorf("%w: %s: %w", errSnapshot, path, err)
	}
	return n, nil
}

// readSnapshot reads a snapshot of a size twice: first to check that it is complete, then to
// read its answers.
func (r *Resolver) readSnapshot(f io.ReaderAt, size int64) (n int, err error) {
	body := size - sha256.Size
	if body < int64(snapshotHeader)+1 {
		return 0, errShort
	}
	var head [snapshotHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, err
	}
	taken, err := readHeader(head[:])
	if err != nil {
		return 0, err
	}
	passed := r.wallClock().Sub(taken)
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
		return 0, errChecksum
	}
	trusted, now := r.trustsAll(), r.now()
	passed = r.wallClock().Sub(taken) // later than now, so that no answer gains time
	in := bufio.NewReaderSize(io.NewSectionReader(f, int64(snapshotHeader), body-int64(snapshotHeader)), 1<<16)
	return n, readAnswers(in, func(s saved) {
		s.answer.Authentic = s.answer.Authentic && trusted
		if r.restore(s, now, passed) {
			n++
		}
	})
}

// trustsAll reports whether the AD bit of all present upstreams is trusted.
func (r *Resolver) trustsAll() bool {
	for _, u := range *r.upstreams.list.Load() {
		if !u.trusted {
			return false
		}
	}
	return true
}

// restore puts one answer of a snapshot into the store, unless it has expired or
// the store has one.
func (r *Resolver) restore(s saved, now int64, passed time.Duration) bool {
	ttl, stale := min(s.left-passed, r.opt.MaxTTL), time.Duration(0)
	if s.answer.Outcome == Found {
		if stale = r.opt.MaxStale; s.foreign {
			stale = 0
		}
	} else {
		ttl = min(ttl, r.opt.NegativeTTL)
	}
	k := r.store.key(s.name, s.typ)
	if ttl <= 0 || r.store.get(&k) != nil {
		return false
	}
	r.store.put(s.entry(k, now, r.start, ttl, stale), now)
	return true
}
