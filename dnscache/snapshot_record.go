package dnscache

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// saved is one answer of a snapshot.
type saved struct {
	name   string
	typ    Type
	answer Answer
	left   time.Duration // of its TTL when the snapshot was taken
	uses   byte
	inMain bool
	// foreign is true if it came from another cache.
	foreign bool
}

// entry returns the entry of an answer of a snapshot, which lives for ttl.
func (s *saved) entry(k key, now int64, start time.Time, ttl, stale time.Duration) *entry {
	e := newEntry(k, s.answer, now, start, ttl, stale)
	e.inMain, e.foreign = s.inMain, s.foreign
	e.uses.Store(uint32(min(s.uses, maxUses)))
	return e
}

var errSaved = errors.New("an answer cannot be read")

// The bits of the first octet. The outcome is below them.
const (
	savedAuthentic = 1 << 7
	savedInMain    = 1 << 6
	savedForeign   = 1 << 5
	savedFlags     = savedAuthentic | savedInMain | savedForeign
)

// appendSaved writes an entry: flags and outcome, uses, type and name, the time
// left, the canonical name, and the records, whose form follows from the type.
func appendSaved(b []byte, e *entry, now int64) []byte {
	a := e.answer
	flags := byte(a.Outcome)
	if a.Authentic {
		flags |= savedAuthentic
	}
	if e.inMain {
		flags |= savedInMain
	}
	if e.foreign {
		flags |= savedForeign
	}
	b = append(b, flags, byte(e.uses.Load()))
	b = binary.AppendUvarint(b, 2+uint64(e.length))
	b = e.appendName(binary.BigEndian.AppendUint16(b, uint16(e.typ)))
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
	for _, s := range a.Data {
		b = appendText(b, s)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readSaved reads an entry that appendSaved wrote. It returns errSaved if that is not an
// answer with the properties that Answer promises, since whatever sent it may lie: a name is
// one, and texts are no longer than a message.
func readSaved(b []byte) (saved, error) {
	d := decoder{b: b}
	flags, uses := d.octet(), d.octet()
	question := d.text()
	s := saved{
		uses:    uses,
		inMain:  flags&savedInMain != 0,
		foreign: flags&savedForeign != 0,
		left:    time.Duration(min(d.number(), 1<<62)),
	}
	a := &s.answer
	a.Outcome = Outcome(flags &^ savedFlags)
	a.Authentic = flags&savedAuthentic != 0
	a.Canonical = d.name()
	if d.bad || len(question) < 2 || !a.Outcome.Known() {
		return saved{}, errSaved
	}
	s.typ, s.name = Type(question[0])<<8|Type(question[1]), question[2:]
	if !normalized(s.name) || !validLabels([]byte(s.name)) {
		return saved{}, errSaved
	}
	if a.Outcome != Found {
		if len(d.b) > 0 || !supported(s.typ) && (s.typ != anyType || a.Outcome != NXDomain) {
			return saved{}, errSaved
		}
		return s, nil
	}
	if d.records(a, s.typ); d.bad {
		return saved{}, errSaved
	}
	return s, nil
}

// decoder reads fields from b. After an error bad is set and all fields are empty.
type decoder struct {
	b   []byte
	bad bool
}

// records reads the records of a Found answer: at least one, up to the end.
func (d *decoder) records(a *Answer, t Type) {
	texts := 0 // octets
	for first := true; !d.bad && (first || len(d.b) > 0); first = false {
		switch t {
		case TXT:
			s := d.text()
			texts += len(s)
			d.bad = d.bad || texts > dns.MaxMsgSize
			a.TXT = append(a.TXT, s)
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
			m := Exchange{Preference: uint16(d.octet())<<8 | uint16(d.octet()), Host: d.name()}
			if n := len(a.MX); n > 0 && a.MX[n-1].Preference > m.Preference {
				d.bad = true
			}
			a.MX = append(a.MX, m)
		case PTR, NS:
			a.Names = append(a.Names, d.name())
		case TLSA, CAA:
			s := d.text()
			texts += len(s)
			d.bad = d.bad || texts > dns.MaxMsgSize
			a.Data = append(a.Data, s)
		default:
			d.bad = true
		}
	}
	// The slices have no spare capacity, since it would be kept in the cache.
	a.TXT, a.Addrs, a.MX, a.Names, a.Data = exact(a.TXT), exact(a.Addrs), exact(a.MX), exact(a.Names), exact(a.Data)
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

func (d *decoder) text() string { return string(d.take(int(min(d.number(), maxSaved+1)))) }

// name reads a name in the form of Answer. An empty one is none, or the root.
func (d *decoder) name() string {
	s := d.text()
	if s != "" && !presented(s) {
		d.b, d.bad = nil, true
		return ""
	}
	return s
}

// presented reports whether s is a name in the form in which answers have names: as
// presentation writes it, in lower case, without the final dot.
func presented(s string) bool {
	var wire [maxName + 2]byte
	n, err := dns.PackDomainName(s+".", wire[:], 0, nil, false)
	if err != nil {
		return false
	}
	back, _, err := dns.UnpackDomainName(wire[:n], 0)
	return err == nil && answerName(back) == s
}
