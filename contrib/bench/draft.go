package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	mrand "math/rand/v2"
	"sync"

	"github.com/emersion/go-msgauth/dkim"
)

type rsaKey = *rsa.PrivateKey

// keys are the signing keys of a domain; either may be absent.
type keys struct {
	domain  string
	rsa     rsaKey
	ed25519 ed25519.PrivateKey
}

// newKeys makes RSA keys. That takes a while, so many domains share one.
func newKeys(n, bits int) ([]rsaKey, error) {
	ring := make([]rsaKey, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range ring {
		wg.Go(func() { ring[i], errs[i] = rsa.GenerateKey(rand.Reader, bits) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return ring, nil
}

func newEd25519(r *mrand.Rand) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	return ed25519.NewKeyFromSeed(seed)
}

// draft is a message that is not signed yet.
type draft []byte

var words = []string{"lorem", "ipsum", "dolor", "sit", "amet,", "consectetur", "<td>", "</td>", "adipiscing", "elit", " ", "<br>", `style="color:#333"`}

// newDraft writes a message of about that size. A quarter of the larger ones is
// base64, the others are markup with runs of blanks.
func newDraft(r *mrand.Rand, author string, d *domain, i, size int) draft {
	var b bytes.Buffer
	for h := range 4 {
		fmt.Fprintf(&b, "Received: from relay%d.%s (relay%d.%s [%s])\r\n\tby relay%d.%s (Postfix) with ESMTPS id 4ABC%04dXYZ\r\n\tfor <%s>; Sun, 22 Nov 2026 10:00:0%d +0000 (UTC)\r\n",
			h, d.name, h, d.name, d.client.IP, h+1, d.name, i, recipient, h)
	}
	for _, f := range [][2]string{
		{"From", `"Some Sender" <news@` + author + ">"},
		{"To", "User <" + recipient + ">"},
		{"Subject", fmt.Sprintf("message number %d with a subject of some length", i)},
		{"Date", "Sun, 22 Nov 2026 10:00:00 +0000"},
		{"Message-ID", fmt.Sprintf("<%d.abcdef@%s>", i, d.name)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/html; charset=utf-8"},
		{"Content-Transfer-Encoding", "7bit"},
		{"List-Unsubscribe", fmt.Sprintf("<https://%s/u/%d>,\r\n <mailto:unsub@%s>", d.name, i, d.name)},
		{"X-Mailer", "bench"},
		{"X-Campaign", fmt.Sprintf("c-%d", i)},
		{"Reply-To", "reply@" + d.name},
	} {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	b.WriteString("\r\n")
	end := b.Len() + size
	if size > 20000 && r.IntN(4) == 0 {
		var raw [57]byte
		for b.Len() < end {
			for k := range raw {
				raw[k] = byte(r.Uint32())
			}
			b.WriteString(base64.StdEncoding.EncodeToString(raw[:]) + "\r\n")
		}
		return b.Bytes()
	}
	for line := 0; b.Len() < end; {
		w := words[r.IntN(len(words))]
		b.WriteString(w)
		if line += len(w) + 1; line > 70 {
			b.WriteString("\r\n")
			line = 0
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

var signedFields = []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe", "Reply-To"}

// sign signs with each of the keys, preferably with RSA. One body in six has
// simple canonicalization.
func (m draft) sign(r *mrand.Rand, by []keys) ([]byte, error) {
	for _, k := range by {
		var body dkim.Canonicalization = dkim.CanonicalizationRelaxed
		if r.IntN(6) == 0 {
			body = dkim.CanonicalizationSimple
		}
		o := &dkim.SignOptions{
			Domain: k.domain, Selector: "rsa", Signer: k.rsa, Hash: crypto.SHA256,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: body,
			HeaderKeys: signedFields,
		}
		if k.rsa == nil {
			o.Selector, o.Signer = "ed", k.ed25519
		}
		var b bytes.Buffer
		if err := dkim.Sign(&b, bytes.NewReader(m), o); err != nil {
			return nil, fmt.Errorf("corpus: %w", err)
		}
		m = b.Bytes()
	}
	return m, nil
}
