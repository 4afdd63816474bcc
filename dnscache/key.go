package dnscache

import (
	"encoding/binary"
	"strings"
)

// RFC 1035 section 2.3.4, for names written without the final dot.
const (
	maxName  = 253
	maxLabel = 63
)

// anyType is the type under which the cache keeps an NXDOMAIN, which holds for all types.
const anyType Type = 0

// key is a question as the cache keeps it. The name is in lower case, without the
// final dot.
//
// A name of common length is stored in the key, and so in the entry, where comparing it
// costs no further cache miss of the CPU. With a string instead, a hit among 4096 names
// takes 70 ns instead of 55 (BenchmarkHitCompared).
type key struct {
	hash   uint64 // of name and type, see store
	typ    Type   // what is asked for, or anyType
	length uint8  // of the name
	short  [maxShort]byte
	long   string // a name that does not fit into short
}

const maxShort = 45

func newKey[N string | []byte](hash uint64, name N, t Type) key {
	k := key{hash: hash, typ: t, length: uint8(len(name))}
	if len(name) <= maxShort {
		copy(k.short[:], name)
	} else {
		k.long = string(name)
	}
	return k
}

// name returns the name.
func (k *key) name() string {
	if k.length <= maxShort {
		return string(k.short[:k.length])
	}
	return k.long
}

func (k *key) appendName(b []byte) []byte {
	if k.length <= maxShort {
		return append(b, k.short[:k.length]...)
	}
	return append(b, k.long...)
}

// hasName reports whether a name is that of k.
func hasName[N string | []byte](k *key, name N) bool {
	if k.length <= maxShort {
		return string(k.short[:k.length]) == string(name)
	}
	return k.long == string(name)
}

// String returns the question for a person to read.
func (k *key) String() string { return questionText(k.name(), k.typ) }

func questionText(name string, t Type) string {
	return strings.TrimSuffix(presentation(name), ".") + " " + t.String()
}

// normalized reports whether a name has the form of keys: it is neither empty nor too long,
// and has no upper-case letters and no final dot.
func normalized(name string) bool {
	if len(name) == 0 || len(name) > maxName || name[len(name)-1] == '.' {
		return false
	}
	b := []byte(name) // only read, so the compiler makes no copy
	if len(b) < 8 {
		for _, c := range b {
			if 'A' <= c && c <= 'Z' {
				return false
			}
		}
		return true
	}
	// Check the last eight octets, and then those before them eight at a time.
	found := capitals(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for ; len(b) > 8; b = b[8:] {
		found |= capitals(binary.LittleEndian.Uint64(b))
	}
	return found == 0
}

// normalize writes a name into buf in the form of keys. It returns false if the name is
// empty or too long. It does not check the labels, see validLabels.
func normalize(buf *[maxName]byte, name string) ([]byte, bool) {
	name = strings.TrimSuffix(name, ".")
	if len(name) == 0 || len(name) > maxName {
		return nil, false
	}
	b := buf[:copy(buf[:], name)]
	rest := b
	for ; len(rest) >= 8; rest = rest[8:] {
		v := binary.LittleEndian.Uint64(rest)
		binary.LittleEndian.PutUint64(rest, v|capitals(v)>>2) // 0x20 makes lower case
	}
	for i, c := range rest {
		if 'A' <= c && c <= 'Z' {
			rest[i] = c + 'a' - 'A'
		}
	}
	return b, true
}

// capitals returns the top bits of those of eight octets that are capitals.
// Without its top bit an octet plus 0x3f has the top bit if it is at least 'A',
// plus 0x25 if it is above 'Z'.
func capitals(v uint64) uint64 {
	const (
		ones = 0x0101010101010101
		top  = 0x80 * ones
	)
	low := v &^ top
	return (low + 0x3f*ones) &^ (low + 0x25*ones) &^ v & top
}

// validLabels reports whether each label of a name without the final dot has 1
// to 63 octets.
func validLabels(name []byte) bool {
	label := 0
	for _, c := range name {
		if c == '.' {
			if label == 0 {
				return false
			}
			label = 0
		} else if label++; label > maxLabel {
			return false
		}
	}
	return label > 0
}

// keyName returns a name in the form of keys, or false if it cannot exist in the DNS.
func keyName(name string) (string, bool) {
	var buf [maxName]byte
	b, ok := normalize(&buf, name)
	return string(b), ok && validLabels(b)
}
