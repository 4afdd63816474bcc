package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/arc/arctest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// storyKey returns the Ed25519 key of a domain, the same in each run.
func storyKey(domain string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("a test key of " + domain))
	return ed25519.NewKeyFromSeed(seed[:])
}

// storyZone puts the records of keys into a zone: "KEY selector domain" for an Ed25519 key,
// and "RSA selector domain DIRECTORY" for a new RSA key in a file.
func storyZone(t *testing.T, zone, dir string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(zone) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "KEY":
			public := storyKey(f[2]).Public().(ed25519.PublicKey)
			out.WriteString(dnstest.TXT(f[1]+"._domainkey."+f[2], "v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(public)) + "\n")
		case len(f) == 4 && f[0] == "RSA":
			out.WriteString(dnstest.TXT(f[1]+"._domainkey."+f[2], "v=DKIM1; k=rsa; p="+writeRSAKey(t, filepath.Join(dir, f[3], f[2], f[1]+".pem"))) + "\n")
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

// writeRSAKey writes a new private key into a file, and returns its public key for p=.
func writeRSAKey(t *testing.T, file string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(public)
}

// storyMessage returns the message of a story after what happened to it, one step after the
// other:
//
//	sign DOMAIN SELECTOR [TIME]    signed by DKIM, until a time
//	signfile DOMAIN SELECTOR DIR   signed by DKIM with a key in a file
//	seal DOMAIN SELECTOR RESULTS   sealed by ARC
//	footer TEXT                    text added to the body
//	subject TEXT                   text before the Subject
//	field NAME: VALUE              a field on top
//	fields                         60 fields on top
//	break FILE                     the file of a key is no key any more
func storyMessage(t *testing.T, dir, text string, steps []string) string {
	t.Helper()
	msg := strings.ReplaceAll(text, "\n", "\r\n")
	for _, step := range steps {
		word, rest, _ := strings.Cut(step, " ")
		switch f := strings.Fields(rest); word {
		case "sign":
			msg = storySign(t, msg, f[2:], dkim.SignOptions{Domain: f[0], Selector: f[1], Key: storyKey(f[0])})
		case "signfile":
			msg = storySign(t, msg, nil, dkim.SignOptions{Domain: f[0], Selector: f[1], Key: readRSAKey(t, filepath.Join(dir, f[2], f[0], f[1]+".pem"))})
		case "seal":
			s := arctest.Sealer{Domain: f[0], Selector: f[1], Key: storyKey(f[0]), Results: strings.Join(f[2:], " ")}
			sealed, err := s.Seal([]byte(msg))
			if err != nil {
				t.Fatal(err)
			}
			msg = string(sealed)
		case "footer":
			msg += rest + "\r\n"
		case "subject":
			msg = strings.Replace(msg, "\r\nSubject: ", "\r\nSubject: "+rest+" ", 1)
		case "field":
			msg = rest + "\r\n" + msg
		case "fields":
			msg = strings.Repeat("X-Filler: x\r\n", 60) + msg
		case "break":
			if err := os.WriteFile(filepath.Join(dir, rest), []byte("no key\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("%q is no step", step)
		}
	}
	return msg
}

func readRSAKey(t *testing.T, file string) crypto.Signer {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

// storySign signs a message as it was in May. It is valid until a time if there is one.
func storySign(t *testing.T, msg string, until []string, o dkim.SignOptions) string {
	t.Helper()
	o.Time = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	o.HeaderForm, o.BodyForm = dkim.Relaxed, dkim.Relaxed
	if len(until) > 0 {
		var err error
		if o.Expires, err = time.Parse(time.RFC3339, until[0]); err != nil {
			t.Fatal(err)
		}
	}
	r := message.NewReader(strings.NewReader(msg))
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	var bodies dkim.Bodies
	signer, err := dkim.NewSigner(dkim.NewHeaderIndex(header), &bodies, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteTo(&bodies); err != nil {
		t.Fatal(err)
	}
	bodies.Close()
	field, err := signer.Sign()
	if err != nil {
		t.Fatal(err)
	}
	return field.Raw + msg
}
