package dnscache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// The bounds of what one cache takes from another.
const (
	// MaxExport bounds a snapshot for another cache, in octets.
	MaxExport = 64 << 20
	// maxForeignTTL bounds the lifetime of its answers, so that a false one does not stay.
	maxForeignTTL = time.Hour
	// maxSkew is how far the clock of the other machine may be ahead. An answer may live
	// longer by that, and no more.
	maxSkew = 5 * time.Minute
)

// Origin says what is known about a snapshot of another cache.
type Origin struct {
	// Asked is when somebody was asked for it who takes it then. If it is zero, the
	// clock of the other machine says how old it is.
	Asked time.Time
	// TrustAD believes the other cache about DNSSEC.
	TrustAD bool
}

// Imported is what became of the answers of a snapshot.
type Imported struct {
	Loaded int // are in the cache now
	Known  int // the cache had fresh ones of its own
	Over   int // had expired, or are more than the cache can hold
	// Negative were no records, which are not taken.
	Negative int
}

var errFlushed = errors.New("dnscache: something was flushed from the cache meanwhile, so that no more was taken")

// Import puts answers of a snapshot that another cache exported into this one. An answer
// lives for what is left of its TTL, at most for an hour, and is not served after that. A
// fresh answer of our own lookups stays, and negative answers are not taken.
//
// What is read may be forged, so the caller must know who wrote it: that one is believed
// about every name for so long. If it is damaged, too large, of a newer version or from the
// future, it is an error, and changes nothing.
func (r *Resolver) Import(from io.Reader, o Origin) (Imported, error) {
	flushes := r.flights.flushed()
	in := importer{r: r, origin: o, trusted: o.TrustAD && r.trustsAll(), limit: r.opt.MaxBytes}
	if err := in.read(from); err != nil {
		return Imported{}, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	now := r.now() // before the clock that says what has passed, so that no answer gains time
	in.measure()
	for i := range in.staged {
		if !r.flights.unlessFlushed(flushes, func() { in.put(&in.staged[i], now) }) {
			return in.done, errFlushed
		}
	}
	return in.done, nil
}

// importer collects the answers of a snapshot until it is known to be whole.
type importer struct {
	r       *Resolver
	origin  Origin
	trusted bool
	taken   time.Time     // when the snapshot was taken, by the clock of the machine that did
	passed  time.Duration // since then
	staged  []saved
	limit   int64 // octets of memory that further answers may take
	done    Imported
}

// read reads a snapshot to its end.
func (in *importer) read(from io.Reader) error {
	limited := &io.LimitedReader{R: from, N: MaxExport + 1}
	hashed := &hashedReader{in: bufio.NewReaderSize(limited, 1<<16), sum: sha256.New()}
	err := in.readAll(hashed)
	switch {
	case limited.N <= 0:
		return fmt.Errorf("larger than %d MB", MaxExport>>20)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("cut off")
	}
	return err
}

func (in *importer) readAll(from *hashedReader) error {
	var head [snapshotHeader]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return err
	}
	var err error
	if in.taken, err = readHeader(head[:]); err != nil {
		return err
	}
	if ahead := in.taken.Sub(in.r.wallClock()); in.origin.Asked.IsZero() && ahead > maxSkew {
		return fmt.Errorf("taken %v in the future: one of the clocks is wrong", ahead.Round(time.Second))
	}
	in.measure()
	if err := readAnswers(from, in.stage); err != nil {
		return err
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(from.in, want[:]); err != nil {
		return err
	}
	if !bytes.Equal(from.sum.Sum(nil), want[:]) {
		return errChecksum
	}
	if _, err := from.in.ReadByte(); err == nil {
		return errors.New("something follows it")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// measure notes how old the snapshot is, to which its way here adds.
func (in *importer) measure() {
	since := in.taken
	if !in.origin.Asked.IsZero() {
		since = in.origin.Asked
	}
	in.passed = max(in.r.wallClock().Sub(since), 0)
}

// stage keeps an answer until the whole snapshot is read.
func (in *importer) stage(s saved) {
	if s.answer.Outcome != Found {
		in.done.Negative++
		return
	}
	if s.left <= in.passed {
		in.done.Over++
		return
	}
	cost := allocated(entrySize) + allocated(len(s.name)) + s.answer.cost()
	if in.limit -= cost; in.limit < 0 {
		in.limit = 0
		in.done.Over++
		return
	}
	s.answer.Authentic = s.answer.Authentic && in.trusted
	s.foreign = true
	in.staged = append(in.staged, s)
}

// put puts an answer into the store, unless the store has a fresh one.
func (in *importer) put(s *saved, now int64) {
	r := in.r
	ttl := min(s.left-in.passed, r.opt.MaxTTL, maxForeignTTL)
	k := r.store.key(s.name, s.typ)
	switch own := r.fresh(&k); {
	case ttl <= 0:
		in.done.Over++
	case own != nil && own.outcome.Known():
		in.done.Known++
	default:
		r.store.put(s.entry(k, now, r.start, ttl, 0), now)
		in.done.Loaded++
	}
}

// hashedReader reads and sums up what was read.
type hashedReader struct {
	in  *bufio.Reader
	sum hash.Hash
	one [1]byte
}

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.in.Read(p)
	h.sum.Write(p[:n])
	return n, err
}

func (h *hashedReader) ReadByte() (byte, error) {
	b, err := h.in.ReadByte()
	if err == nil {
		h.one[0] = b
		h.sum.Write(h.one[:])
	}
	return b, err
}
