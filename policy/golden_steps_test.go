package policy_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/policy/arc/arctest"
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

// seal puts the next ARC set on top, whose results are saw. An l= in front of
// them goes into the message signature.
func (g *golden) seal(t *testing.T, domain, selector, saw string) {
	t.Helper()
	saw, partial := strings.CutPrefix(saw, "l= ")
	var err error
	g.message, err = arctest.Sealer{
		Domain: domain, Selector: selector, Key: g.publish(domain, selector), Results: saw, Partial: partial,
	}.Seal(g.message)
	if err != nil {
		t.Fatal(err)
	}
}
