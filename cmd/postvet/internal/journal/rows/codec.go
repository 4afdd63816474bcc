package rows

import (
	"encoding/binary"
	"errors"
)

// ErrRow is the error for a row that cannot be decoded.
var ErrRow = errors.New("journal: a row cannot be decoded")

// Bounds of what is kept of one message. A row has at most MaxRow octets, of which the
// texts in its facts have maxFacts.
const (
	MaxRow   = 8 << 10
	maxFacts = 3 << 10
	maxText  = 256
	// maxReply bounds the text that the client was told.
	maxReply = 450
)

// codec writes values to b, or reads them from it. One function describes both, so that
// they cannot differ. What is missing at the end is read as zero, since rows of older
// versions have fewer values.
type codec struct {
	b       []byte
	reading bool
	bad     bool
	room    int // octets that may still be written
	level   Level
	// local and localAt are what texts must not have, see setLocal.
	local, localAt string
	// known are texts outside of b that both sides know, such as the author's domain.
	// Many values repeat them.
	known [4]string
	// hidden is what texts must not have, and network what they have instead.
	hidden, network string
	// cut and cutRcpts are those of the row that is written.
	cut, cutRcpts bool
}

// octet returns the next octets to read, at most n; all of them are there unless the
// codec is bad.
func (c *codec) octets(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *codec) readUint() uint64 {
	if len(c.b) == 0 {
		return 0
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

// number writes or reads a number.
func number[T ~int | ~int64](c *codec, n *T) {
	if c.reading {
		v := c.readUint()
		*n = T(int64(v>>1) ^ -int64(v&1))
		return
	}
	c.b = binary.AppendVarint(c.b, int64(*n))
}

// bits writes or reads up to 32 truths.
func (c *codec) bits(all ...*bool) {
	if c.reading {
		v := c.readUint()
		for i, b := range all {
			*b = v>>i&1 == 1
		}
		return
	}
	var v uint64
	for i, b := range all {
		if *b {
			v |= 1 << i
		}
	}
	c.b = binary.AppendUvarint(c.b, v)
}

// list writes or reads the first n elements of a list.
func list[T any](c *codec, all *[]T, n int, element func(*codec, *T)) {
	if !c.reading {
		some := (*all)[:min(n, len(*all))]
		c.b = binary.AppendUvarint(c.b, uint64(len(some)))
		for i := range some {
			element(c, &some[i])
		}
		return
	}
	count := c.readUint()
	if count > uint64(n) {
		c.bad = true
		return
	}
	*all = make([]T, count)
	for i := range *all {
		if c.bad {
			return
		}
		element(c, &(*all)[i])
	}
}

// texts writes or reads a list of texts.
func texts(c *codec, all *[]string, n int) {
	list(c, all, n, func(c *codec, s *string) { text(c, s, maxText) })
}

// manyZeros stands for a run of at least three zeros in packed octets. Its length follows;
// 0 for a manyZeros that is no run.
const manyZeros = 0xff

// appendPacked appends octets with each long run of zeros as its length: facts are full of
// values that are not set.
func appendPacked(b, octets []byte) []byte {
	for i := 0; i < len(octets); i++ {
		switch octets[i] {
		case manyZeros:
			b = append(b, manyZeros, 0)
		case 0:
			n := 1
			for n < 255 && i+n < len(octets) && octets[i+n] == 0 {
				n++
			}
			if n > 2 {
				b = append(b, manyZeros, byte(n))
			} else {
				b = append(b, octets[i:i+n]...)
			}
			i += n - 1
		default:
			b = append(b, octets[i])
		}
	}
	return b
}

// appendUnpacked is the reverse of appendPacked. It returns at most 4 * MaxRow octets.
func appendUnpacked(b, packed []byte) []byte {
	for i := 0; i < len(packed) && len(b) < 4*MaxRow; i++ {
		if packed[i] != manyZeros || i+1 == len(packed) {
			b = append(b, packed[i])
			continue
		}
		if i++; packed[i] == 0 {
			b = append(b, manyZeros)
		}
		for range packed[i] {
			b = append(b, 0)
		}
	}
	return b
}
