package dkim

import (
	"crypto"
	_ "crypto/sha1"   // for the tests of the rules before RFC 8301
	_ "crypto/sha256" // registers crypto.SHA256
	"hash"
)

// maxBodyHashes bounds the different body hashes of one message.
const maxBodyHashes = 20

// Bodies hashes one message body for all its DKIM and ARC signatures. Signatures
// that agree on canonicalization, hash function and length share one hash. Bodies
// does not store the body. The zero value is ready to use.
type Bodies struct {
	simple  *simpleBody
	relaxed *relaxedBody
	hashes  []*BodyHash
	closed  bool
}

// BodyHash is one hash of a message's body.
type BodyHash struct {
	form   Canonicalization
	fn     crypto.Hash
	length int64 // -1 for the whole body

	state hash.Hash
	left  int64 // bytes still to be hashed, -1 for all
	more  bool  // bytes followed those
	sum   []byte
}

// Hash registers a hash of the first length bytes of the canonical body (RFC 6376
// section 3.4.5), or of the whole body if length is negative. It must be called
// before the first Write. It returns nil if the message needs more than 20
// different hashes.
func (b *Bodies) Hash(form Canonicalization, fn crypto.Hash, length int64) *BodyHash {
	length = max(length, -1)
	for _, h := range b.hashes {
		if h.form == form && h.fn == fn && h.length == length {
			return h
		}
	}
	if len(b.hashes) == maxBodyHashes {
		return nil
	}
	h := &BodyHash{form: form, fn: fn, length: length, left: length, state: fn.New()}
	b.hashes = append(b.hashes, h)
	var out *output
	switch {
	case form == Relaxed && b.relaxed == nil:
		b.relaxed = &relaxedBody{out: &output{}}
		out = b.relaxed.out
	case form == Relaxed:
		out = b.relaxed.out
	case b.simple == nil:
		b.simple = &simpleBody{out: &output{}}
		out = b.simple.out
	default:
		out = b.simple.out
	}
	out.hashes = append(out.hashes, h)
	return h
}

// Sum returns the hash, or nil before Close.
func (h *BodyHash) Sum() []byte { return h.sum }

// Short reports whether the canonical body is shorter than the length to hash.
func (h *BodyHash) Short() bool { return h.length > 0 && h.left > 0 }

// More reports whether the canonical body is longer than the length to hash.
func (h *BodyHash) More() bool { return h.more }

// Write hashes the next bytes of the body. Lines end in CRLF, and chunks may be cut
// anywhere. Write never fails.
func (b *Bodies) Write(p []byte) (int, error) {
	if b.simple != nil && !b.simple.out.full() {
		b.simple.write(p)
	}
	if b.relaxed != nil && !b.relaxed.out.full() {
		b.relaxed.write(p)
	}
	return len(p), nil
}

// Close ends the body and computes the hashes. Further calls do nothing.
func (b *Bodies) Close() {
	if b.closed {
		return
	}
	b.closed = true
	if b.simple != nil {
		b.simple.close()
		b.simple.out.flush()
	}
	if b.relaxed != nil {
		b.relaxed.close()
		b.relaxed.out.flush()
	}
	for _, h := range b.hashes {
		h.sum = h.state.Sum(nil)
	}
}

// output passes canonical bytes to the hashes of one form. It buffers short slices,
// since a hash is fast only on long ones.
type output struct {
	hashes []*BodyHash
	n      int
	buf    [2048]byte
}

func (o *output) write(p []byte) {
	if len(p) > len(o.buf)-o.n {
		o.flush()
		if len(p) >= len(o.buf)/4 {
			o.hash(p)
			return
		}
	}
	o.n += copy(o.buf[o.n:], p)
}

func (o *output) writeByte(c byte) {
	if o.n == len(o.buf) {
		o.flush()
	}
	o.buf[o.n] = c
	o.n++
}

func (o *output) writeLines(n int64) {
	for n > 0 && !o.full() {
		k := min(n, int64(len(emptyLines)/2))
		o.write(emptyLines[:2*k])
		n -= k
	}
}

func (o *output) flush() {
	o.hash(o.buf[:o.n])
	o.n = 0
}

func (o *output) hash(p []byte) {
	for _, h := range o.hashes {
		q := p
		if h.left >= 0 {
			q = p[:min(int64(len(p)), h.left)]
			h.left -= int64(len(q))
			h.more = h.more || len(q) < len(p)
		}
		h.state.Write(q)
	}
}

// full reports whether every hash has its bytes and knows that more follow. The
// rest of the body then need not be canonicalized.
func (o *output) full() bool {
	for _, h := range o.hashes {
		if h.left != 0 || !h.more {
			return false
		}
	}
	return true
}
