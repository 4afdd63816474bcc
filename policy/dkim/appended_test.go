package dkim

import (
	"crypto"
	"crypto/sha256"
	"strings"
	"testing"
)

// The end of the signed body is found wherever the chunks are cut, and the search
// is bounded.
func TestAppended(t *testing.T) {
	t.Parallel()
	const body, footer = "one\r\n\r\ntwo\r\n", "\r\n-- \r\nlist\r\n"
	sum := sha256.Sum256([]byte(body))
	for _, form := range []Canonicalization{Simple, Relaxed} {
		for chunk := 1; chunk < len(body+footer); chunk++ {
			var bodies Bodies
			bodies.Hash(form, crypto.SHA256, -1)
			a := bodies.findAppended(&Signature{BodyForm: form, Hash: crypto.SHA256, BodyHash: sum[:]})
			for rest := body + footer; rest != ""; {
				n := min(chunk, len(rest))
				_, _ = bodies.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			bodies.Close()
			if a.line != 3 || a.at != int64(len(body)) || a.lines != 6 || a.size-a.at < 10 {
				t.Fatalf("form %s, chunks of %d: %+v", form, chunk, a)
			}
		}
	}
	var bodies Bodies
	bodies.Hash(Simple, crypto.SHA256, -1)
	late := strings.Repeat("x\r\n", maxAppendedLines+1)
	sum = sha256.Sum256([]byte(late))
	a := bodies.findAppended(&Signature{BodyForm: Simple, Hash: crypto.SHA256, BodyHash: sum[:]})
	_, _ = bodies.Write([]byte(late + footer))
	bodies.Close()
	if a.line != 0 || a.lines != maxAppendedLines+4 {
		t.Errorf("%d of %d lines", a.line, a.lines)
	}
}
