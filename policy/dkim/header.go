package dkim

import (
	"hash"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// AppendField appends a header field in a canonical form (RFC 6376 sections
// 3.4.1 and 3.4.2), with its final CRLF.
func AppendField(dst []byte, form Canonicalization, f message.Field) []byte {
	if form == Simple {
		return append(dst, f.Raw...)
	}
	return append(appendRelaxed(dst, f.Raw), "\r\n"...)
}

// AppendUnsigned appends the field of s in a canonical form as it was when it
// was signed: the value of b= empty, and without the final CRLF (RFC 6376
// section 3.7).
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

// appendRelaxed appends name and value in relaxed form, without the final CRLF:
// the name in lower case, unfolded, white space runs as one space, none around
// the colon or at the end.
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
		if i == start && i < len(v) { // a CR alone is data
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

// HeaderIndex finds the fields that signatures name, in linear time however
// many fields and signatures there are.
type HeaderIndex struct {
	header message.Header
	// byName leads from a lower-case name to the last field of it, above to the
	// one above that has the same name, -1 if there is none.
	byName map[string]int32
	above  []int32
	// taken is, at the last field of a name, what the signature at hand takes
	// next.
	taken []cursor
	epoch int32  // counts the digests made
	buf   []byte // gathers what is hashed
}

// cursor is a position among the fields of one name, of the digest of an epoch.
type cursor struct{ at, epoch int32 }

// NewHeaderIndex indexes a header, which must not change afterwards. The index
// is not safe for concurrent use.
func NewHeaderIndex(h message.Header) *HeaderIndex {
	x := &HeaderIndex{
		header: h, byName: make(map[string]int32, len(h)),
		above: make([]int32, len(h)), taken: make([]cursor, len(h)),
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

// lowerNames returns the names of all fields, one behind the other, in lower
// case. What is not ASCII stays: no signature can name it.
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

// Digest hashes what s signs of the header (RFC 6376 section 3.7): the fields
// that h= names, each name taken from the bottom up (section 5.4.2) and as
// nothing where there is no more of it, then the signature's own field. self is
// that field's position; it never counts as one of the fields named.
func (x *HeaderIndex) Digest(s *Signature, self int) []byte {
	h := s.Hash.New()
	w := gather{h: h, buf: x.buf[:0]}
	x.epoch++
	for _, name := range s.SignedFields {
		last, ok := x.byName[name]
		if !ok {
			continue
		}
		next := &x.taken[last]
		if next.epoch != x.epoch {
			*next = cursor{last, x.epoch}
		}
		if next.at >= 0 && int(next.at) == self {
			next.at = x.above[next.at]
		}
		if next.at >= 0 {
			w.buf = AppendField(w.buf, s.HeaderForm, x.header[next.at])
			next.at = x.above[next.at]
			w.flush(4096)
		}
	}
	w.buf = s.AppendUnsigned(w.buf, s.HeaderForm)
	w.flush(0)
	x.buf = w.buf
	return h.Sum(nil)
}

// gather collects bytes for a hash.
type gather struct {
	h   hash.Hash
	buf []byte
}

func (g *gather) flush(above int) {
	if len(g.buf) > above {
		g.h.Write(g.buf)
		g.buf = g.buf[:0]
	}
}
