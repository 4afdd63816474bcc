package dkim

import (
	"crypto"
	"hash"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// AppendField appends the canonical form of a header field with its final CRLF (RFC
// 6376 sections 3.4.1 and 3.4.2), and returns the extended slice.
func AppendField(dst []byte, form Canonicalization, f message.Field) []byte {
	if form == Simple {
		return append(dst, f.Raw...)
	}
	return append(appendRelaxed(dst, f.Raw), "\r\n"...)
}

// AppendUnsigned appends the canonical form of the field of s as it is signed: with
// an empty b= and without the final CRLF (RFC 6376 section 3.7). It returns the
// extended slice.
func (s *Signature) AppendUnsigned(dst []byte, form Canonicalization) []byte {
	raw := s.Field.Raw
	value := strings.IndexByte(raw, ':') + 1
	for _, t := range s.Tags {
		if t.Name == "b" {
			end := min(value+t.End, len(raw))
			raw = raw[:value+t.Start] + raw[end:]
			break
		}
	}
	raw = strings.TrimSuffix(raw, "\r\n")
	if form == Simple {
		return append(dst, raw...)
	}
	return appendRelaxed(dst, raw)
}

// appendRelaxed appends the relaxed form of a field without its final CRLF (RFC
// 6376 section 3.4.2). The name is in lower case and the value unfolded. A run of
// white space becomes one space, and none is left around the colon or at the end.
func appendRelaxed(dst []byte, raw string) []byte {
	name, v, _ := strings.Cut(raw, ":")
	name = strings.TrimRight(name, " \t")
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	dst = append(dst, ':')
	empty := true
	for i := 0; i < len(v); {
		gap := false
		for i < len(v) {
			if v[i] == ' ' || v[i] == '\t' {
				gap = true
				i++
			} else if v[i] == '\r' && i+1 < len(v) && v[i+1] == '\n' {
				i += 2
			} else {
				break
			}
		}
		start := i
		for i < len(v) && v[i] != ' ' && v[i] != '\t' && v[i] != '\r' {
			i++
		}
		if i == start && i < len(v) { // a CR without LF is data
			if v[i] == '\r' && (i+1 == len(v) || v[i+1] != '\n') {
				i++
			}
		}
		if i == start {
			continue
		}
		if gap && !empty {
			dst = append(dst, ' ')
		}
		dst = append(dst, v[start:i]...)
		empty = false
	}
	return dst
}

// HeaderIndex finds the header fields that a signature names. A digest takes linear
// time in the number of fields, whatever h= names.
type HeaderIndex struct {
	header message.Header
	// byName has the position of the last field of each lower-case name.
	byName map[string]int32
	// above has, for each field, the position of the field above it of the same
	// name, -1 if there is none.
	above []int32
	// next has, at the position of the last field of a name, the cursor among the
	// fields of that name.
	next   []cursor
	digest int32 // counts the digests
	buf    []byte
}

// cursor is the position of the field of one name that a digest takes next. It is
// valid for the digest of that number only, so that no digest has to reset all.
type cursor struct{ at, digest int32 }

// NewHeaderIndex indexes a header, which must not change afterwards. The index
// is not safe for concurrent use.
func NewHeaderIndex(h message.Header) *HeaderIndex {
	x := &HeaderIndex{
		header: h, byName: make(map[string]int32, len(h)),
		above: make([]int32, len(h)), next: make([]cursor, len(h)),
	}
	names := lowerNames(h)
	for i := range h {
		name := names[:len(h[i].Name)]
		names = names[len(name):]
		x.above[i] = -1
		if last, ok := x.byName[name]; ok {
			x.above[i] = last
		}
		x.byName[name] = int32(i)
	}
	return x
}

// All returns the positions of all fields of a lower-case name, from the top.
func (x *HeaderIndex) All(name string) []int {
	last, ok := x.byName[name]
	if !ok {
		return nil
	}
	var all []int
	for i := last; i >= 0; i = x.above[i] {
		all = append(all, int(i))
	}
	slices.Reverse(all)
	return all
}

// lowerNames returns the concatenated names of all fields in lower case. It changes
// ASCII letters only, since a signature cannot name other ones.
func lowerNames(h message.Header) string {
	n := 0
	for i := range h {
		n += len(h[i].Name)
	}
	var b strings.Builder
	b.Grow(n)
	for i := range h {
		for _, c := range []byte(h[i].Name) {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Digest returns the hash of the signed header fields (RFC 6376 section 3.7). These
// are the fields that h= names, then the signature's own field at position self.
// Fields of one name are taken from the bottom up, and a name without another field
// adds nothing (section 5.4.2). The signature's own field never counts as named.
func (x *HeaderIndex) Digest(s *Signature, self int) []byte {
	return x.digestOf(s.Hash, s.SignedFields, s.HeaderForm, self, func(dst []byte) []byte {
		return s.AppendUnsigned(dst, s.HeaderForm)
	})
}

// digestOf returns the hash of the named fields and of what own appends: the
// signature's own field, at position self or not yet in the header (-1).
func (x *HeaderIndex) digestOf(fn crypto.Hash, names []string, form Canonicalization, self int, own func([]byte) []byte) []byte {
	h := fn.New()
	w := hashWriter{h: h, buf: x.buf[:0]}
	x.digest++
	for _, name := range names {
		last, ok := x.byName[name]
		if !ok {
			continue
		}
		next := &x.next[last]
		if next.digest != x.digest {
			*next = cursor{last, x.digest}
		}
		if next.at >= 0 && int(next.at) == self {
			next.at = x.above[next.at]
		}
		if next.at >= 0 {
			w.buf = AppendField(w.buf, form, x.header[next.at])
			next.at = x.above[next.at]
			w.flush(4096)
		}
	}
	w.buf = own(w.buf)
	w.flush(0)
	x.buf = w.buf
	return h.Sum(nil)
}

// hashWriter buffers bytes for a hash, which is fast only on long slices.
type hashWriter struct {
	h   hash.Hash
	buf []byte
}

// flush hashes the buffer if it is longer than above.
func (w *hashWriter) flush(above int) {
	if len(w.buf) > above {
		w.h.Write(w.buf)
		w.buf = w.buf[:0]
	}
}
