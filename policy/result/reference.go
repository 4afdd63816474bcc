package result

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// Reference identifies a decision. A refusal tells it to the sender, who can quote it.
// It has the time of the decision in milliseconds, and 20 bits that nobody can guess.
// Zero is no reference.
type Reference uint64

// The parts of a Reference. 40 bits of milliseconds last for 34 years.
const (
	referenceRandom = 20
	referenceBits   = 60
	referenceDigits = referenceBits / 5
)

// ReferenceLength is the number of characters of a Reference as text: its digits and one
// that finds mistakes.
const ReferenceLength = referenceDigits + 1

// referenceAlphabet has no letter that is easily taken for a digit or another letter: it
// has no I, L, O and U.
const referenceAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// referenceEpoch is the time at which references begin, 2025-01-01.
const referenceEpoch = 1735689600000

// ErrReference is the error for a text that is no reference, or one with a mistake.
var ErrReference = errors.New("result: no reference, or one with a mistake")

// References returns references. The zero value is ready. It is safe for concurrent use,
// and never returns a reference twice.
type References struct{ last atomic.Uint64 }

// Next returns a reference for a decision at a time.
func (r *References) Next(at time.Time) Reference {
	first := uint64(FirstReference(at))
	for {
		last := r.last.Load()
		next := first | rand.Uint64N(1<<referenceRandom)
		if last >= first && last-first < 1000<<referenceRandom { // of the same millisecond, or of a clock that went back
			next = last + 1 + rand.Uint64N(1<<8)
		}
		if r.last.CompareAndSwap(last, next) {
			return Reference(next)
		}
	}
}

// FirstReference returns the lowest reference of a time.
func FirstReference(at time.Time) Reference {
	ms := max(1, min(at.UnixMilli()-referenceEpoch, 1<<(referenceBits-referenceRandom)-1))
	return Reference(ms) << referenceRandom
}

// Time returns the time of the decision.
func (r Reference) Time() time.Time {
	return time.UnixMilli(int64(r>>referenceRandom) + referenceEpoch).UTC()
}

// String returns the reference in 13 characters; "" for none.
func (r Reference) String() string {
	if r == 0 {
		return ""
	}
	var b [ReferenceLength]byte
	for i := range referenceDigits {
		b[i] = referenceAlphabet[r>>(referenceBits-5*(i+1))&31]
	}
	b[referenceDigits] = referenceAlphabet[r%referenceCheck]
	return string(b[:])
}

// referenceCheck is a prime below the number of digits. The remainder by it changes if two
// digits are swapped, and if one is another.
const referenceCheck = 29

// ParseReference parses a reference as a person may write it: in lower case, with
// hyphens, and with the letters O, I and L for digits.
func ParseReference(s string) (Reference, error) {
	var digits [ReferenceLength]uint64
	n := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '-':
			continue
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		switch c {
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		d := strings.IndexByte(referenceAlphabet, c)
		if d < 0 || n == ReferenceLength {
			return 0, ErrReference
		}
		digits[n] = uint64(d)
		n++
	}
	var r Reference
	for _, d := range digits[:referenceDigits] {
		r = r<<5 | Reference(d)
	}
	if n != ReferenceLength || r == 0 || uint64(r%referenceCheck) != digits[referenceDigits] {
		return 0, ErrReference
	}
	return r, nil
}

// AddTo returns the text of a refusal with the reference at its end.
func (r Reference) AddTo(text string) string {
	if r == 0 {
		return text
	}
	return text + "; ref " + r.String()
}

// MarshalText implements [encoding.TextMarshaler].
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Reference) UnmarshalText(text []byte) (err error) {
	if *r = 0; len(text) > 0 {
		*r, err = ParseReference(string(text))
	}
	return err
}
