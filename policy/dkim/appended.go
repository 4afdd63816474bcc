package dkim

import (
	"bytes"
	"hash"
)

// maxAppendedLines bounds the lines at whose ends the signed body may end.
const maxAppendedLines = 20000

// appended is a hash of a canonical body that compares its sum with bh= at the end
// of every line. If they are equal, the signed body ends there and the rest was
// added later, for example by a mailing list.
type appended struct {
	hash.Hash
	want []byte // bh=

	lines int   // lines of the whole body
	size  int64 // octets of the whole body
	// line and at are the lines and octets of the signed body, 0 if not found.
	line int
	at   int64
}

// findAppended registers a search for the end of the signed body. The hash of the
// whole body in the form of s must be registered before, and the first Write
// follows.
func (b *Bodies) findAppended(s *Signature) *appended {
	a := &appended{Hash: s.Hash.New(), want: s.BodyHash}
	h := &BodyHash{form: s.BodyForm, fn: s.Hash, length: -1, left: -1, state: a}
	if s.BodyForm == Relaxed {
		b.relaxed.out.hashes = append(b.relaxed.out.hashes, h)
	} else {
		b.simple.out.hashes = append(b.simple.out.hashes, h)
	}
	return a
}

// Write hashes the next part of the canonical body.
func (a *appended) Write(p []byte) (int, error) {
	a.size += int64(len(p))
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if a.line > 0 || a.lines >= maxAppendedLines || end == 0 {
			a.lines += bytes.Count(rest, []byte("\n"))
			a.Hash.Write(rest)
			break
		}
		a.Hash.Write(rest[:end])
		rest = rest[end:]
		a.lines++
		if bytes.Equal(a.Hash.Sum(nil), a.want) {
			a.line, a.at = a.lines, a.size-int64(len(rest))
		}
	}
	return len(p), nil
}
