package dkim

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// counting is a hash that counts its input.
type counting struct {
	nothing
	bytes, writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes += len(p)
	c.writes++
	return len(p), nil
}

// The cost of a body is linear in its size for every content. Each hash gets no more
// bytes than the body has, in few calls, and the allocations do not depend on the
// size.
func TestBodyWorkIsLinear(t *testing.T) {
	for _, unit := range []struct{ name, text string }{
		{"text", "The quick brown fox  jumps over the lazy dog. \r\n"},
		{"no line ends", "x"},
		{"empty lines", "\r\n"},
		{"white space", " "},
		{"tabs between letters", "a\t"},
		{"lone CRs", "\r"},
		{"lone CRs and blanks", "\r "},
		{"lone LFs", "\n"},
		{"lines of 64 KB", strings.Repeat("word ", 13000) + "\r\n"},
	} {
		t.Run(unit.name, func(t *testing.T) {
			var allocs float64
			for _, kb := range []int{128, 512, 2048} {
				body := []byte(strings.Repeat(unit.text, kb<<10/len(unit.text)) + "x")
				var simple, relaxed counting
				run := func() {
					simple, relaxed = counting{}, counting{}
					var bodies Bodies
					bodies.Hash(Simple, crypto.SHA256, -1).state = &simple
					bodies.Hash(Relaxed, crypto.SHA256, -1).state = &relaxed
					writeChunks(func(p []byte) { bodies.Write(p) }, body)
					bodies.Close()
				}
				a := testing.AllocsPerRun(1, run)
				for _, c := range []counting{simple, relaxed} {
					if c.bytes > len(body)+2 {
						t.Errorf("%d KB: %d bytes hashed of %d", kb, c.bytes, len(body))
					}
					if most := len(body)/500 + 100; c.writes > most {
						t.Errorf("%d KB: %d writes to the hash, want at most %d", kb, c.writes, most)
					}
				}
				if allocs == 0 {
					allocs = a
				}
				if a > allocs+5 { // the runtime may add one or two
					t.Errorf("%d KB: %.0f allocations, %.0f with 128 KB", kb, a, allocs)
				}
			}
		})
	}
}

// 100 signatures with as many different body hashes cause at most 20 hashes and ten
// lookups.
func TestManySignaturesAreBounded(t *testing.T) {
	t.Parallel()
	zone := oracleZone()
	for i := range 100 {
		zone[fmt.Sprintf("s%d._domainkey.example.org", i)] = edRecord()
	}
	for _, n := range []int{10, 100, 400} {
		var sigs strings.Builder
		for i := range n {
			sum := sha256.Sum256([]byte{byte(i)})
			fmt.Fprintf(&sigs, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s%d; l=%d; h=from; b=%s; bh=%s\r\n",
				i%100, i, strings.Repeat("A", 86), base64.StdEncoding.EncodeToString(sum[:]))
		}
		h, _ := splitMessage(sigs.String() + plain)
		asked := 0
		r := zoneMap(zone)
		var mu sync.Mutex
		count := resolverFunc(func(ctx context.Context, name string, typ dnscache.Type) *dnscache.Answer {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return r.Lookup(ctx, name, typ)
		})
		var bodies Bodies
		v := NewVerifier(h, &bodies, testOptions())
		keys := v.LookupKeys(t.Context(), count)
		hashes := make([]counting, len(bodies.hashes))
		for i, b := range bodies.hashes {
			b.state = &hashes[i]
		}
		body := []byte(strings.Repeat("x", 1<<20))
		bodies.Write(body)
		bodies.Close()
		if got := v.Finish(keys); len(got) != n {
			t.Errorf("%d results of %d signatures", len(got), n)
		}
		bytes := 0
		for _, c := range hashes {
			bytes += c.bytes
		}
		if asked > 10 || len(hashes) > maxBodyHashes || bytes > 400*len(hashes) {
			t.Errorf("%d signatures: %d lookups, %d hashes of together %d bytes", n, asked, len(hashes), bytes)
		}
	}
}
