package dnscache

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// RFC 1035 section 2.3.4, for names written without the final dot.
const (
	maxName  = 253
	maxLabel = 63
)

// maxKey is the longest key: two octets of type, then the name.
const maxKey = 2 + maxName

// cutType stands in keys for "every type": the key under which NXDOMAIN is kept.
const cutType Type = 0

// writeKey writes the cache's key for a question into b: the type in two octets,
// then the name in lower case without its final dot. It returns nil for a name
// that is empty or too long; whether its labels are right is left to possible,
// for a name that is not possible is never found.
func writeKey(b *[maxKey]byte, name string, t Type) []byte {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) == 0 || len(name) > maxName {
		return nil
	}
	b[0], b[1] = byte(t>>8), byte(t)
	key := b[:2+copy(b[2:], name)]
	rest := key[2:]
	for ; len(rest) >= 8; rest = rest[8:] {
		v := binary.LittleEndian.Uint64(rest)
		if capital := capitals(v); capital != 0 {
			binary.LittleEndian.PutUint64(rest, v|capital>>2) // 0x20 is lower case
		}
	}
	for i, c := range rest {
		if 'A' <= c && c <= 'Z' {
			rest[i] = c + 'a' - 'A'
		}
	}
	return key
}

// plain reports whether a name is written as its key has it: not empty, no
// capitals, no final dot.
func plain(name string) bool {
	if len(name) == 0 || len(name) > maxName || name[len(name)-1] == '.' {
		return false
	}
	b := unsafe.Slice(unsafe.StringData(name), len(name)) // only read
	if len(b) < 8 {
		for _, c := range b {
			if 'A' <= c && c <= 'Z' {
				return false
			}
		}
		return true
	}
	// The last eight octets, then as many eights as are before them.
	capital := capitals(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for ; len(b) > 8; b = b[8:] {
		capital |= capitals(binary.LittleEndian.Uint64(b))
	}
	return capital == 0
}

// capitals returns the top bits of those of eight octets that are capitals.
// Without its top bit an octet plus 0x3f has the top bit if it is at least 'A',
// plus 0x25 if it is above 'Z'.
func capitals(v uint64) uint64 {
	low := v &^ (top * ones)
	return (low + 0x3f*ones) &^ (low + 0x25*ones) &^ v & (top * ones)
}

const (
	ones = 0x0101010101010101
	top  = 0x80
)

// possible reports whether the labels of a key's name have 1 to 63 octets.
func possible(key []byte) bool {
	label := 0
	for _, c := range key[2:] {
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

// keyOf returns the key of a question, or false for a name that the DNS cannot
// hold.
func keyOf(name string, t Type) (string, bool) {
	var b [maxKey]byte
	key := writeKey(&b, name, t)
	return string(key), key != nil && possible(key)
}

// presentation writes a name of raw octets the way miekg/dns writes the names
// that it reads off the wire, so that equal names are equal strings: the final
// dot, a backslash before what is special in zone files, \DDD for what is not
// printable. Dots separate labels.
func presentation(name string) string {
	plain := true
	for i := 0; i < len(name) && plain; i++ {
		plain = name[i] > ' ' && name[i] <= '~' && !special(name[i])
	}
	if plain {
		return name + "."
	}
	b := make([]byte, 0, len(name)+16)
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.' || c >= ' ' && c <= '~' && !special(c):
		case c < ' ' || c > '~':
			b = append(b, '\\', '0'+c/100, '0'+c/10%10)
			c = '0' + c%10
		default:
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(append(b, '.'))
}

func special(c byte) bool { return strings.IndexByte(` '@;()"\`, c) >= 0 }

// lower returns s with ASCII letters in lower case; names off the wire are
// compared and handed out so (RFC 4343).
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// handed returns a name off the wire as Answer promises it.
func handed(name string) string { return strings.TrimSuffix(lower(name), ".") }

// within reports whether name is parent or below it. Both are in the form of
// presentation and in lower case.
func within(name, parent string) bool {
	if parent == "." {
		return true
	}
	if !strings.HasSuffix(name, parent) {
		return false
	}
	at := len(name) - len(parent)
	if at == 0 {
		return true
	}
	// The dot before parent separates labels only if it is not escaped.
	escapes := 0
	for i := at - 2; i >= 0 && name[i] == '\\'; i-- {
		escapes++
	}
	return name[at-1] == '.' && escapes%2 == 0
}

// wireLength returns the octets that a name in the form of presentation takes
// on the wire.
func wireLength(name string) int {
	n := 1
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' {
			i++
			if i < len(name) && '0' <= name[i] && name[i] <= '9' {
				i += 2
			}
		}
		n++
	}
	return n
}

// unescape returns the octets of a character-string that miekg/dns presents
// with \DDD and \X (RFC 1035 section 5.1).
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if i+2 < len(s) && digit(s[i]) && digit(s[i+1]) && digit(s[i+2]) {
				c = (s[i]-'0')*100 + (s[i+1]-'0')*10 + s[i+2] - '0'
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
