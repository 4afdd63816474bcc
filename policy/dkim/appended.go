package dkim

import (
	"bytes"
	"hash"
)

// maxAppendedLines bounds how far into a body the place is looked for behind
// which something was added.
const maxAppendedLines = 20000

// appended finds out whether a canonical body is, up to the end of one of its
// lines, the one that was signed: then the rest was added, as mailing lists do.
type appended struct {
	hash.Hash
	want []byte // bh=

	lines int   // of the whole body
	size  int64 // likewise, in octets
	// line and at are where the signed body ends; 0 if nowhere.
	line int
	at   int64
}

// findAppended looks for the end of the signed body in what is hashed of a form
// in whole. It must be called before the first Write, and once that hash is
// registered.
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

// Write takes the next part of the canonical body.
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
