package dkim

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/dkim/dkimtest"
)

// BenchmarkSign signs a message of 24 KB with a usual header by one key, by two, and
// without the operation of the key (Rest). Bare is that operation alone.
func BenchmarkSign(b *testing.B) {
	header, _ := splitMessage(plain)
	for _, f := range []string{"Message-ID: <1@example.org>", "Date: Tue, 14 Nov 2023 22:13:20 +0000", "MIME-Version: 1.0", "Content-Type: text/plain", "References: <a@b.example>\r\n <c@d.example>"} {
		more, _ := splitMessage(f + "\r\n\r\n")
		header = append(header, more...)
	}
	body := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n", 24<<10/72))
	key := benchRSA(b, 2048)
	at := time.Unix(testTime, 0)
	option := func(k crypto.Signer) SignOptions {
		return SignOptions{Domain: "example.org", Selector: "s", Key: k, HeaderForm: Relaxed, BodyForm: Relaxed, Fields: DefaultFields(), Time: at}
	}
	for _, c := range []struct {
		name string
		opt  []SignOptions
	}{
		{"Rest", []SignOptions{option(dkimtest.UnsignedKey{PublicKey: &key.PublicKey})}},
		{"RSA2048", []SignOptions{option(key)}},
		{"Ed25519", []SignOptions{option(edKey())}},
		{"Both", []SignOptions{option(edKey()), option(key)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				index := NewHeaderIndex(header)
				var bodies Bodies
				signers := make([]*Signer, len(c.opt))
				for i, o := range c.opt {
					s, err := NewSigner(index, &bodies, o)
					if err != nil {
						b.Fatal(err)
					}
					signers[i] = s
				}
				bodies.Write(body)
				bodies.Close()
				for _, s := range signers {
					if _, err := s.Sign(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	b.Run("Bare", func(b *testing.B) {
		digest := sha256.Sum256(body)
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
}
