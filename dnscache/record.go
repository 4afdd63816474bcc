package dnscache

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// record is one answer in a snapshot.
type record struct {
	key    string
	answer Answer
	left   time.Duration // of its TTL when the snapshot was taken
	freq   byte
	inMain bool
}

var errRecord = errors.New("an answer cannot be read")

// The bits of a record's first octet; the outcome is below them.
const (
	recordAuthentic = 1 << 7
	recordInMain    = 1 << 6
)

// appendRecord writes an entry: flags and outcome, uses, key, time left,
// canonical name, and the records, whose form follows from the type.
func appendRecord(b []byte, e *entry, now int64) []byte {
	a := &e.answer
	flags := byte(a.Outcome)
	if a.Authentic {
		flags |= recordAuthentic
	}
	if e.inMain {
		flags |= recordInMain
	}
	b = append(b, flags, byte(e.freq.Load()))
	b = appendText(b, e.key)
	b = binary.AppendUvarint(b, uint64(e.expires-now))
	b = appendText(b, a.Canonical)
	for _, s := range a.TXT {
		b = appendText(b, s)
	}
	for _, ip := range a.Addrs {
		b = append(b, ip.AsSlice()...)
	}
	for _, m := range a.MX {
		b = appendText(binary.BigEndian.AppendUint16(b, m.Preference), m.Host)
	}
	for _, s := range a.Names {
		b = appendText(b, s)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readRecord reads what appendRecord wrote; of anything else it returns
// errRecord, or an answer that keeps what Answer promises.
func readRecord(b []byte) (record, error) {
	d := decoder{b: b}
	flags, freq := d.octet(), d.octet()
	rec := record{
		key:    d.text(),
		freq:   freq,
		inMain: flags&recordInMain != 0,
		left:   time.Duration(min(d.number(), 1<<62)),
	}
	a := &rec.answer
	a.Outcome = Outcome(flags &^ (recordAuthentic | recordInMain))
	a.Authentic = flags&recordAuthentic != 0
	a.Canonical = d.text()
	if d.bad || len(rec.key) < 2 || !a.Outcome.Known() {
		return record{}, errRecord
	}
	t := Type(rec.key[0])<<8 | Type(rec.key[1])
	if key, ok := keyOf(rec.key[2:], t); !ok || key != rec.key {
		return record{}, errRecord
	}
	if a.Outcome != Found {
		if len(d.b) > 0 || !askable(t) && (t != cutType || a.Outcome != NXDomain) {
			return record{}, errRecord
		}
		return rec, nil
	}
	if d.records(a, t); d.bad {
		return record{}, errRecord
	}
	return rec, nil
}

// decoder reads fields off b; after a fault all are empty and bad is set.
type decoder struct {
	b   []byte
	bad bool
}

// records reads those of a Found answer: all that is left, at least one.
func (d *decoder) records(a *Answer, t Type) {
	for first := true; !d.bad && (first || len(d.b) > 0); first = false {
		switch t {
		case TXT:
			a.TXT = append(a.TXT, d.text())
		case A:
			if v := d.take(4); len(v) == 4 {
				a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte(v)))
			}
		case AAAA:
			if v := d.take(16); len(v) == 16 {
				ip := netip.AddrFrom16([16]byte(v))
				d.bad = d.bad || ip.Is4In6()
				a.Addrs = append(a.Addrs, ip)
			}
		case MX:
			m := Exchange{Preference: uint16(d.octet())<<8 | uint16(d.octet()), Host: d.text()}
			if n := len(a.MX); n > 0 && a.MX[n-1].Preference > m.Preference {
				d.bad = true
			}
			a.MX = append(a.MX, m)
		case PTR, NS:
			a.Names = append(a.Names, d.text())
		default:
			d.bad = true
		}
	}
	// Exactly as much room as needed: it is kept, and counted.
	a.TXT, a.Addrs, a.MX, a.Names = exact(a.TXT), exact(a.Addrs), exact(a.MX), exact(a.Names)
}

func exact[T any](s []T) []T {
	if s == nil {
		return nil
	}
	return append(make([]T, 0, len(s)), s...)
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.b, d.bad = nil, true
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) octet() byte {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.take(int(min(d.number(), maxRecord+1)))) }
