package postgres

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// copyHeader begins the data of COPY in its binary format: a signature, flags, and the
// length of an extension.
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// copyColumns are the columns that are copied: day, node, and all of a record.
var copyColumns = func() string {
	names := []string{"day", "node"}
	for c := range rows.Columns {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}()

// firstDay is the day from which the binary format counts.
var firstDay = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// maxColumn bounds a text, and maxFacts a binary value, in octets. Rows that the journal
// wrote are far smaller; a file may hold what somebody else put there.
const (
	maxColumn = 2048
	maxIndex  = 512 // of a text in an index
	maxBinary = 64 << 10
)

// appendRow appends a record in the binary format of COPY.
func appendRow(b []byte, day time.Time, node int32, rec *rows.Record) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(rows.Columns)+2)
	b = appendInt32(b, 4)
	b = appendInt32(b, int32(day.Sub(firstDay)/(24*time.Hour)))
	b = appendInt32(b, 4)
	b = appendInt32(b, node)
	for c := range rows.Columns {
		v := &rec[c]
		switch {
		case c == rows.ColClient:
			b = appendClient(b, v.Octets)
		case c.Kind() == rows.Integer && v.Int == 0 && (c == rows.ColMessageKey || c == rows.ColMailFromKey):
			b = appendInt32(b, -1)
		case c.Kind() == rows.Integer:
			b = appendInt32(b, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(v.Int))
		case len(v.Octets) == 0:
			b = appendInt32(b, -1)
		case c.Kind() == rows.Blob:
			b = appendOctets(b, v.Octets[:min(len(v.Octets), maxBinary)])
		case c == rows.ColQueue, c == rows.ColOrg:
			b = appendText(b, v.Octets, maxIndex)
		default:
			b = appendText(b, v.Octets, maxColumn)
		}
	}
	return b
}

func appendInt32(b []byte, n int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func appendOctets(b, octets []byte) []byte {
	return append(appendInt32(b, int32(len(octets))), octets...)
}

// appendText appends a text. PostgreSQL takes neither a zero octet nor what is not UTF-8.
func appendText(b, text []byte, most int) []byte {
	plain := len(text) <= most
	for _, c := range text {
		plain = plain && c != 0 && c < utf8.RuneSelf
	}
	if plain {
		return appendOctets(b, text)
	}
	s := strings.ReplaceAll(strings.ToValidUTF8(string(text), "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return appendOctets(b, []byte(s))
}

// Address families of inet in the binary format.
const (
	inet4 = 2
	inet6 = 3
)

// appendClient appends an address or a network; NULL for what is none.
func appendClient(b, text []byte) []byte {
	ip, err := netip.ParseAddr(string(text))
	bits := ip.BitLen()
	if err != nil {
		network, err := netip.ParsePrefix(string(text))
		if err != nil {
			return appendInt32(b, -1)
		}
		ip, bits = network.Addr(), network.Bits()
	}
	family := byte(inet6)
	if ip.Is4() {
		family = inet4
	}
	octets := ip.AsSlice()
	b = appendInt32(b, int32(4+len(octets)))
	b = append(b, family, byte(bits), 0, byte(len(octets)))
	return append(b, octets...)
}
