package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// signingKey signs mail of the day.
type signingKey struct{ *rsa.PrivateKey }

func newSigningKey(t *testing.T) *signingKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &signingKey{k}
}

// records returns the record of the key for the domain that signs.
func (k *signingKey) records() string {
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		panic(err) // a public RSA key always marshals
	}
	return dnstest.TXT("s._domainkey.one.example", "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(der)) + "\n"
}

// sign returns a message with the signature of a domain; without one for "".
func (k *signingKey) sign(t *testing.T, message []byte, domain string) []byte {
	t.Helper()
	if domain == "" {
		return message
	}
	var signed bytes.Buffer
	err := dkim.Sign(&signed, bytes.NewReader(message), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: k, Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Bytes()
}

// awaitBounce waits until Postvet has read the bounce that our Postfix wrote about the
// address that the other site refuses. The address then gets no reports, and nobody gets
// the bounce.
func (d *reportDay) awaitBounce(t *testing.T) {
	t.Helper()
	s := d.open(t, time.Now)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		all, err := s.Deliveries(t.Context(), reportstore.Query{Address: gone})
		if err != nil || len(all) != 1 {
			t.Fatal(err, all)
		}
		if x := all[0].Delivery; x.State == reports.Bounced {
			if x.Code != 0 || x.Status != "5.7.1" || !strings.Contains(x.Text, "no such mailbox") {
				t.Errorf("%+v", x)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no bounce was read: %+v", all)
		}
	}
	if x, is, err := s.Suppressed(t.Context(), gone, time.Now()); err != nil || !is || x.By != "bounce" {
		t.Errorf("%v %v %+v", err, is, x)
	}
	got, err := d.our.Deliveries()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range got {
		if strings.HasPrefix(x.Recipient, "bounce+") {
			t.Errorf("the bounce was delivered to %s", x.Recipient)
		}
	}
}

// read has the commands read what came: who sends as one.example, and the numbers of each
// report.
func (d *reportDay) read(t *testing.T) {
	t.Helper()
	messages := int64(0)
	out, _ := runFor(t, exitDone, "report", "read", "--json", filepath.Join(d.dir, "agg@one.example.eml"))
	var r struct {
		Messages  int64 `json:"messages"`
		Aggregate struct {
			OrgName string `json:"org_name"`
		} `json:"aggregate"`
		Findings []any `json:"findings"`
	}
	for _, x := range d.fed["one.example"] {
		messages += x.Messages
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Messages != messages || r.Aggregate.OrgName != "Ours" || len(r.Findings) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	theirs := filepath.Join(d.dir, "theirs")
	out, _ = runFor(t, exitDone, "report", "received", "--json", "--directory", theirs)
	// The report about two.example came to two addresses.
	if n := strings.Count(out, "\n"); n != 3 || strings.Count(out, `"copies":1,`) != 2 || strings.Count(out, `"copies":2,`) != 1 {
		t.Errorf("%d reports were kept as they came, want 3:\n%s", n, out)
	}
	// A day is not enough to tell whether the domain is ready, which is the answer no.
	_, out, _ = runIn(t, "report", "sources", "one.example", "--directory", theirs)
	for _, want := range []string{
		"one.example  p=reject", "1 report of 1 reporter, on 1 day: 19 of 23 messages passed (82.6%)",
		"   14   100%  127.0.11.0/24 ", "    5   100%  forwarder.example ", "    4   0.0%  127.0.66.0/24                   forged, or unknown to SPF\n",
		"p=reject is published; 0 of 19 messages that are probably yours fail",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
