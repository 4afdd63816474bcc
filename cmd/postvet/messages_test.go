package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

var sign = flag.Bool("sign", false, "make new keys, and sign the messages in testdata/messages anew")

// unsigned is the messages before they are signed, with their signers: "domain
// selector header-form/body-form [expiry]".
var unsigned = []struct {
	file, text string
	sign       []string
}{
	{"signed.eml", `From: Ann <ann@good.example>
To: user@test.example
Subject: a test
	with a fold
Date: Fri, 01 May 2026 10:00:00 +0000
Message-ID: <1@good.example>
Authentication-Results: mx.test.example; dkim=pass header.d=bank.example
Authentication-Results: other.example; spf=none

Hello,

this is signed twice.
`, []string{"good.example rsa relaxed/relaxed", "good.example ed simple/simple"}},
	{"expires.eml", `From: Ann <ann@good.example>
Subject: valid for a while
Date: Fri, 01 May 2026 10:00:00 +0000

Soon gone.
`, []string{"good.example ed relaxed/simple 2027-01-01T00:00:00Z"}},
	{"spoof.eml", `From: Ann <ann@good.example>
To: user@test.example
Subject: urgent
Date: Fri, 01 May 2026 10:00:00 +0000

Please pay.
`, []string{"evil.example ed relaxed/relaxed"}},
	{"quarantine.eml", `From: Bob <bob@held.example>
Subject: a bargain
Date: Fri, 01 May 2026 10:00:00 +0000

Buy.
`, nil},
	{"odd.eml", "From: \"\x1b[31mRed\x1b[0m\" <a@escape.example>\nSubject: \x07\nDKIM-Signature: v=1; d=\x1b]0;x\x07.example; s=\xff\n\n\x00\x1b[2J\n", nil},
	{"two-authors.eml", "From: a@good.example\nFrom: b@held.example\nSubject: who?\n\nMe.\n", nil},
}

// TestSign writes the messages and the key records. It runs only on demand: new
// keys are new results.
func TestSign(t *testing.T) {
	if !*sign {
		t.Skip("run with -sign to make new keys and messages")
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]string{}
	for _, m := range unsigned {
		text := []byte(strings.ReplaceAll(m.text, "\n", "\r\n"))
		for _, by := range m.sign {
			f := strings.Fields(by)
			headers, body, _ := strings.Cut(f[2], "/")
			o := &dkim.SignOptions{
				Domain: f[0], Selector: f[1], Hash: crypto.SHA256,
				HeaderCanonicalization: dkim.Canonicalization(headers), BodyCanonicalization: dkim.Canonicalization(body),
			}
			if len(f) > 3 {
				if o.Expiration, err = time.Parse(time.RFC3339, f[3]); err != nil {
					t.Fatal(err)
				}
			}
			name := f[1] + "._domainkey." + f[0] + "."
			if f[1] == "rsa" {
				der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
				if err != nil {
					t.Fatal(err)
				}
				o.Signer = rsaKey
				p := base64.StdEncoding.EncodeToString(der)
				records[name] = fmt.Sprintf("%s TXT \"v=DKIM1; k=rsa; p=%s\" \"%s\"\n", name, p[:200], p[200:])
			} else {
				seed := sha256.Sum256([]byte("a test key of " + f[0]))
				k := ed25519.NewKeyFromSeed(seed[:])
				o.Signer = k
				records[name] = fmt.Sprintf("%s TXT \"v=DKIM1; k=ed25519; p=%s\"\n", name,
					base64.StdEncoding.EncodeToString(k.Public().(ed25519.PublicKey)))
			}
			var out bytes.Buffer
			if err := dkim.Sign(&out, bytes.NewReader(text), o); err != nil {
				t.Fatal(err)
			}
			text = out.Bytes()
		}
		if err := os.WriteFile(filepath.Join("testdata/messages", m.file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(zone)) {
		if !strings.Contains(line, "._domainkey.") {
			b.WriteString(line)
		}
	}
	for _, name := range []string{"ed._domainkey.good.example.", "rsa._domainkey.good.example.", "ed._domainkey.evil.example."} {
		b.WriteString(records[name])
	}
	if err := os.WriteFile("testdata/zone", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
