package counts

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"time"
)

// ErrPart is the error for a part that cannot be read.
var ErrPart = errors.New("counts: a part cannot be read")

// partVersion is the first octet of a part.
const partVersion = 1

// Part has the present numbers of an hour that is not over: all of them if it is whole, and
// otherwise of the names that have changed since the parts before.
type Part struct {
	At     time.Time // the beginning of the hour
	Whole  bool
	Octets []byte
}

// appendPart appends the numbers of the names that have changed, or of all.
func (h *hour) appendPart(b []byte, whole bool) []byte {
	b = append(b, partVersion)
	b = binary.AppendUvarint(b, uint64(h.n))
	b = binary.AppendUvarint(b, uint64(h.missing))
	h.tables(func(kind uint8, t *table, _ string) {
		for i := range t.all {
			x := &t.all[i]
			if !x.changed && !whole {
				continue
			}
			x.changed = false
			b = append(b, kind)
			b = binary.AppendUvarint(b, uint64(len(x.name)))
			b = append(b, x.name...)
			var has fieldSet
			for f, n := range x.sums {
				if n != 0 {
					has.add(Field(f))
				}
			}
			b = binary.AppendUvarint(b, uint64(has))
			for ; has != 0; has &= has - 1 {
				b = binary.AppendUvarint(b, uint64(x.sums[bits.TrailingZeros32(uint32(has))]))
			}
		}
	})
	return b
}

// readParts returns the hours of parts, which are in the order of writing.
func readParts(parts []Part) ([]*hour, error) {
	var all []*hour
	of := map[int64]int{}
	for _, p := range parts {
		at := p.At.Unix()
		i, ok := of[at]
		if !ok {
			i = len(all)
			of[at] = i
			all = append(all, &hour{at: at})
		} else if p.Whole {
			all[i] = &hour{at: at}
		}
		if !all[i].read(p.Octets) {
			return nil, ErrPart
		}
	}
	return all, nil
}

// read sets the numbers that a part has. It returns false if the part is none.
func (h *hour) read(b []byte) bool {
	if len(b) == 0 || b[0] != partVersion {
		return false
	}
	r := reader{b: b[1:]}
	h.n, h.missing = int64(r.uint()), int64(r.uint())
	var tables [Kinds + 1]*table
	h.tables(func(kind uint8, t *table, _ string) { tables[kind] = t })
	for len(r.b) > 0 && !r.bad {
		kind := r.octets(1)[0]
		name := r.octets(r.uint())
		if kind > Kinds || r.bad {
			return false
		}
		t := tables[kind]
		i, ok := t.index[string(name)]
		if !ok {
			if len(t.all) >= MaxNames {
				return false
			}
			i = t.insert(string(name))
		}
		x := &t.all[i]
		x.sums = [Fields]uint32{}
		for has := r.uint(); has != 0; has &= has - 1 {
			n := r.uint()
			if f := bits.TrailingZeros64(has); f < int(Fields) {
				x.sums[f] = uint32(n)
			}
		}
	}
	return !r.bad
}

// reader reads values of a part. Beyond its end they are zero, and it is bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// octets returns the next octets; at least one.
func (r *reader) octets(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return []byte{0}
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}
