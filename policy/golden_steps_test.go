package policy_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// step is what one hop does to a golden's message: "sign domain selector
// canonicalization", "seal domain selector what it saw", "append a line" or
// "change", which changes what the message marks.
type step struct{ what, how string }

// take takes all steps, and publishes the keys.
func (g *golden) take(t *testing.T) {
	t.Helper()
	change := func() { g.message = bytes.ReplaceAll(g.message, []byte("@@changed later@@"), []byte("changed")) }
	for _, s := range g.steps {
		switch s.what {
		case "sign":
			f := strings.Fields(s.how)
			g.sign(t, f[0], f[1], f[2])
		case "seal":
			f := strings.SplitN(s.how, " ", 3)
			g.seal(t, f[0], f[1], f[2])
		case "append":
			g.message = append(g.message, s.how+"\r\n"...)
		case "change":
			change()
		}
	}
	change() // if no step did: after the last signature
}

func (g *golden) publish(domain, selector string) ed25519.PrivateKey {
	k := key(domain, selector)
	record := fmt.Sprintf("%s._domainkey.%s. TXT \"v=DKIM1; k=ed25519; p=%s\"\n", selector, domain,
		base64.StdEncoding.EncodeToString(k.Public().(ed25519.PublicKey)))
	if !strings.Contains(g.zone, record) {
		g.zone += record
	}
	return k
}

func (g *golden) sign(t *testing.T, domain, selector, canonicalization string) {
	t.Helper()
	headerForm, bodyForm, _ := strings.Cut(canonicalization, "/")
	var out bytes.Buffer
	err := msgauth.Sign(&out, bytes.NewReader(g.message), &msgauth.SignOptions{
		Domain: domain, Selector: selector, Signer: g.publish(domain, selector), Hash: crypto.SHA256,
		HeaderCanonicalization: msgauth.Canonicalization(headerForm),
		BodyCanonicalization:   msgauth.Canonicalization(bodyForm),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.message = out.Bytes()
}

// seal puts the next ARC set on top (RFC 8617 section 5.1), whose results are
// saw. An l= in front of them goes into the message signature.
func (g *golden) seal(t *testing.T, domain, selector, saw string) {
	t.Helper()
	k := g.publish(domain, selector)
	r := message.NewReader(bytes.NewReader(g.message))
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := r.WriteBodyTo(&body); err != nil {
		t.Fatal(err)
	}
	length := ""
	if rest, ok := strings.CutPrefix(saw, "l= "); ok {
		length, saw = fmt.Sprintf(" l=%d;", body.Len()), rest
	}
	n := header.Count("ARC-Seal") + 1
	cv := "pass"
	if n == 1 {
		cv = "none"
	}
	signature := func(data []byte) string {
		sum := sha256.Sum256(bytes.TrimSuffix(data, []byte("\r\n")))
		return base64.StdEncoding.EncodeToString(ed25519.Sign(k, sum[:]))
	}
	sum := sha256.Sum256(body.Bytes())
	results := message.NewField("ARC-Authentication-Results", fmt.Sprintf(" i=%d; %s", n, saw))
	m := fmt.Sprintf(" i=%d; a=ed25519-sha256; c=relaxed/simple; d=%s; s=%s; h=from:to:subject;%s bh=%s; b=",
		n, domain, selector, length, base64.StdEncoding.EncodeToString(sum[:]))
	var data []byte
	for _, name := range []string{"From", "To", "Subject"} {
		all := header.All(name)
		data = dkim.AppendField(data, dkim.Relaxed, all[len(all)-1])
	}
	data = dkim.AppendField(data, dkim.Relaxed, message.NewField("ARC-Message-Signature", m))
	signed := message.NewField("ARC-Message-Signature", m+signature(data))
	s := fmt.Sprintf(" i=%d; a=ed25519-sha256; cv=%s; d=%s; s=%s; b=", n, cv, domain, selector)
	data = data[:0]
	for below := 1; below < n; below++ {
		for _, name := range []string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"} {
			for _, f := range header.All(name) {
				if strings.HasPrefix(f.Value(), fmt.Sprintf(" i=%d;", below)) {
					data = dkim.AppendField(data, dkim.Relaxed, f)
				}
			}
		}
	}
	data = dkim.AppendField(data, dkim.Relaxed, results)
	data = dkim.AppendField(data, dkim.Relaxed, signed)
	data = dkim.AppendField(data, dkim.Relaxed, message.NewField("ARC-Seal", s))
	seal := message.NewField("ARC-Seal", s+signature(data))
	g.message = append([]byte(seal.Raw+signed.Raw+results.Raw), g.message...)
}
