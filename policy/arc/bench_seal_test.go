package arc

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dkim/dkimtest"
)

// BenchmarkSeal seals a message of 24 KB with a chain of two sets, with a key of 2048
// bits and without its operation (Rest). Bare is that operation alone, of which a set
// needs two.
func BenchmarkSeal(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	h, _ := splitMessage(chain(plainMail, 2))
	body := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n", 24<<10/72))
	run := func(b *testing.B, k crypto.Signer) {
		o := sealOptions(Pass)
		o.Key = k
		b.ReportAllocs()
		for b.Loop() {
			var bodies dkim.Bodies
			s, err := NewSigner(&bodies)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = bodies.Write(body)
			bodies.Close()
			if _, err := s.Seal(h, o); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("RSA2048", func(b *testing.B) { run(b, key) })
	b.Run("Rest", func(b *testing.B) { run(b, dkimtest.UnsignedKey{PublicKey: &key.PublicKey}) })
	b.Run("Bare", func(b *testing.B) {
		digest := sha256.Sum256(body)
		for b.Loop() {
			for range 2 {
				if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
