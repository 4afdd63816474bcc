package dkim

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
)

// BenchmarkSignature verifies one or three signatures of each key type over a
// message of 24 KB. The three share one body hash (Same) or have three different
// ones (Different). Each key is parsed once, as with a cache.
func BenchmarkSignature(b *testing.B) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and then it goes home. 12\r\n", 24<<10/72)
	mail := strings.Split(plain, "\r\n\r\n")[0] + "\r\n\r\n" + body
	for _, k := range []struct {
		name, algorithm string
		key             crypto.Signer
	}{
		{"RSA1024", "rsa", benchRSA(b, 1024)},
		{"RSA2048", "rsa", benchRSA(b, 2048)},
		{"RSA4096", "rsa", benchRSA(b, 4096)},
		{"Ed25519", "ed25519", edKey()},
	} {
		record := edRecord()
		if k.algorithm == "rsa" {
			der, err := x509.MarshalPKIXPublicKey(k.key.Public())
			if err != nil {
				b.Fatal(err)
			}
			record = "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der)
		}
		r := cachedKeys(map[string]string{"s._domainkey.example.org": record})
		tags := "v=1; a=" + k.algorithm + "-sha256; c=relaxed/%s; d=example.org; s=s; h=from:to:subject:from"
		same := fmt.Sprintf(tags, "relaxed")
		for _, c := range []struct {
			name string
			tags []string
		}{
			{"1", []string{same}},
			{"3Same", []string{same, same, same}},
			{"3Different", []string{same, fmt.Sprintf(tags, "simple"), same + "; l=20000"}},
		} {
			signedMail := mail
			for _, t := range c.tags {
				signedMail = signed(signedMail, t, k.key)
			}
			h, body := splitMessage(signedMail)
			data := []byte(body)
			b.Run(k.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var bodies Bodies
					v := NewVerifier(h, &bodies, testOptions())
					keys := v.LookupKeys(context.Background(), r)
					bodies.Write(data)
					bodies.Close()
					for _, got := range v.Finish(keys) {
						if got.Status != Pass {
							b.Fatal(got)
						}
					}
				}
			})
		}
	}
}

func benchRSA(b *testing.B, bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// BenchmarkHeader canonicalizes a usual header and one that costs most. SHA-256 of
// the same bytes is the yardstick.
func BenchmarkHeader(b *testing.B) {
	usual, _ := splitMessage("Received: from relay1.example.org (relay1.example.org [192.0.2.1])\r\n\tby mx.example.net (Postfix) with ESMTPS id 4ABC0001XYZ\r\n\tfor <joe@example.net>; Sun, 22 Nov 2026 10:00:01 +0000 (UTC)\r\n" +
		"From: \"Some Sender\" <news@example.org>\r\nTo: Joe <joe@example.net>\r\nSubject: a subject of some length, with a number 123\r\n" +
		"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <123.abcdef@example.org>\r\nContent-Type: text/html; charset=utf-8\r\n" +
		"List-Unsubscribe: <https://example.org/u/123>,\r\n <mailto:unsubscribe@example.org>\r\n\r\n")
	for _, c := range []struct {
		name   string
		header message.Header
	}{
		{"Usual", usual},
		{"SpacedLetters", message.Header{message.NewField("X", strings.Repeat(" \ta", 20000))}},
		{"Folds", message.Header{message.NewField("X", strings.Repeat("\r\n a", 15000))}},
		{"LoneCR", message.Header{message.NewField("X", strings.Repeat("\r a", 20000))}},
	} {
		size := 0
		for _, f := range c.header {
			size += len(f.Raw)
		}
		b.Run(c.name+"/SHA256", func(b *testing.B) {
			b.SetBytes(int64(size))
			var all []byte
			for _, f := range c.header {
				all = append(all, f.Raw...)
			}
			for b.Loop() {
				sha256.Sum256(all)
			}
		})
		for _, form := range []Canonicalization{Simple, Relaxed} {
			b.Run(c.name+"/"+form.String()+"/Only", func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var buf []byte
				for b.Loop() {
					buf = buf[:0]
					for _, f := range c.header {
						buf = AppendField(buf, form, f)
					}
				}
			})
		}
	}
}
