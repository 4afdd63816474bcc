package dkim

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// benchBodies are an ordinary text and the bodies that cost most to canonicalize.
func benchBodies() []struct{ name, body string } {
	const size = 4 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return []struct{ name, body string }{
		{"Text", fill("The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n" +
			"Dear all, this is a line of usual length in which some words stand, comma.\r\n\r\n")},
		{"HTML", fill("      <td class=\"c\">  <a href=\"https://example.org/x?y=z\">Link</a>\r\n\t\t</td>\r\n")},
		{"Base64", fill("TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n")},
		{"NoLineEnds", fill("x")},
		{"EmptyLines", fill("\r\n")},
		{"WhiteSpace", fill(" ")},
		{"SpacedLetters", fill("a\t")},
		{"LoneCR", fill("\r")},
		{"LoneCRSpace", fill("\r ")},
		{"Lines64K", fill(strings.Repeat("word ", 13000) + "\r\n")},
	}
}

func BenchmarkBody(b *testing.B) {
	for _, body := range benchBodies() {
		data := []byte(body.body)
		b.Run(body.name+"/SHA256", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				sha256.Sum256(data)
			}
		})
		for _, form := range []Canonicalization{Simple, Relaxed} {
			b.Run(body.name+"/"+form.String()+"/Only", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					out := &output{hashes: []*BodyHash{{left: -1, state: nothing{}}}}
					if form == Relaxed {
						writeChunks((&relaxedBody{out: out}).write, data)
					} else {
						writeChunks((&simpleBody{out: out}).write, data)
					}
				}
			})
			b.Run(body.name+"/"+form.String()+"/Hashed", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					var bodies Bodies
					bodies.Hash(form, crypto.SHA256, -1)
					writeChunks(func(p []byte) { bodies.Write(p) }, data)
					bodies.Close()
				}
			})
		}
	}
}

// BenchmarkBodyGrowth shows that the costliest bodies take linear time: MB/s does
// not fall as the size grows.
func BenchmarkBodyGrowth(b *testing.B) {
	for _, worst := range []struct{ name, unit string }{{"EmptyLinesThenText", "\r\n"}, {"SpacedLetters", "a\t"}, {"LoneCRSpace", "\r "}} {
		for _, mb := range []int{1, 4, 16} {
			data := []byte(strings.Repeat(worst.unit, mb<<20/2) + "x")
			b.Run(fmt.Sprintf("%s/%dMB", worst.name, mb), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					var bodies Bodies
					bodies.Hash(Simple, crypto.SHA256, -1)
					bodies.Hash(Relaxed, crypto.SHA256, -1)
					writeChunks(func(p []byte) { bodies.Write(p) }, data)
					bodies.Close()
				}
			})
		}
	}
}

// BenchmarkHostileHeader verifies signatures that each name 1000 of 2000 fields.
// The time is linear in their number and bounded at 10.
func BenchmarkHostileHeader(b *testing.B) {
	names := "from" + strings.Repeat(":x", 999)
	fields := strings.Repeat("X: y\r\n", 1900)
	r := zoneMap(oracleZone())
	for _, n := range []int{1, 10, 100} {
		var sigs strings.Builder
		for i := range n {
			sum := sha256.Sum256([]byte("Hello"[:min(i, 5)]))
			fmt.Fprintf(&sigs, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=ed; l=%d; h=%s; b=%s; bh=%s\r\n", min(i, 5), names,
				strings.Repeat("A", 86), base64.StdEncoding.EncodeToString(sum[:]))
		}
		h, body := splitMessage(sigs.String() + fields + "\r\nHello\r\n")
		b.Run(fmt.Sprintf("Signatures%d", n), func(b *testing.B) {
			for b.Loop() {
				var bodies Bodies
				v := NewVerifier(h, &bodies, testOptions())
				keys := v.LookupKeys(context.Background(), r)
				bodies.Write([]byte(body))
				bodies.Close()
				if got := v.Finish(keys); len(got) != n || got[0].Status != Fail {
					b.Fatal(got[0])
				}
			}
		})
	}
}

// writeChunks writes in chunks of the size that a milter receives.
func writeChunks(write func([]byte), p []byte) {
	for len(p) > 0 {
		n := min(len(p), 65535)
		write(p[:n])
		p = p[n:]
	}
}

// nothing is a hash that ignores its input.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sum([]byte) []byte           { return nil }
func (nothing) Reset()                      {}
func (nothing) Size() int                   { return 0 }
func (nothing) BlockSize() int              { return 1 }
