package arc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// rsaSealKey seals in the name of ours.example.
var rsaSealKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return k
})

func rsaRecord() string {
	der, err := x509.MarshalPKIXPublicKey(&rsaSealKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func sealZone() string {
	return arcZone() + dnstest.TXT("s._domainkey.ours.example", rsaRecord())
}

// sealOptions are those of a chain that was found to be valid or not.
func sealOptions(chain Status) SealOptions {
	return SealOptions{
		Domain: "ours.example", Selector: "s", Key: rsaSealKey(), Time: time.Now(), Chain: chain,
		Results: authres.Format("mx.ours.example", []authres.Method{{Name: "arc", Result: string(chain)}, {Name: "dmarc", Result: "pass", Properties: []authres.Property{{Type: "header", Name: "from", Value: "example.org"}}}}),
	}
}

// sealNext returns the message with our set on top.
func sealNext(t *testing.T, mail string, o SealOptions) string {
	t.Helper()
	set, err := sealAll(mail, o)
	if err != nil {
		t.Fatal(err)
	}
	return onTop(set.Fields) + mail
}

// TestSeal has one row for each thing that can be known of a chain.
func TestSeal(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	changed := func(mail string) string { return strings.Replace(mail, "Hello there", "Hello here", 1) }
	ours := sealNext(t, plainMail, sealOptions(None))
	second := func(old, with string) string { return strings.Replace(chain(plainMail, 2), old, with, 1) }
	for _, tt := range []struct {
		name, mail string
		status     Status // what was found at the border
		instance   int
		cv         Status
		err        error
	}{
		{"5.1 the first set", plainMail, None, 1, None, nil},
		{"5.1 the first set, where nobody verifies chains", plainMail, "", 1, None, nil},
		{"5.1 the second set", chain(plainMail, 1), Pass, 2, Pass, nil},
		{"5.1 a chain that a list has broken since", changed(chain(plainMail, 3)), Pass, 4, Pass, nil},
		{"5.1 our own set of before, then changed", changed(ours), None, 2, Pass, nil},
		{"5.1 the fields of the chain were removed", plainMail, Pass, 0, "", ErrChanged},
		{"5.1 the fields of a failed chain were removed", plainMail, Fail, 0, "", ErrChanged},
		{"5.1 fields of a chain were added", chain(plainMail, 1), None, 0, "", ErrChanged},
		{"5.1 a set was removed", removeSet(chain(plainMail, 3), 2), Pass, 0, "", ErrChanged},
		{"5.1 a seal was changed", second("ARC-Seal: i=2; ", "ARC-Seal: i=2; h=from; "), Pass, 0, "", ErrChanged},
		{"5.1 a seal without cv=", second("cv=pass;", "x=pass;"), Pass, 0, "", ErrChanged},
		{"5.1 nobody verified the chain", chain(plainMail, 1), "", 0, "", ErrUndecided},
		{"5.1 a key could not be looked up", chain(plainMail, 1), TempError, 0, "", ErrUndecided},
		{"5.1.2 a chain that has failed now", changed(chain(plainMail, 2)), Fail, 3, Fail, nil},
		{"5.1.2 a chain with a gap", removeSet(chain(plainMail, 3), 1), Fail, 4, Fail, nil},
		{"5.1.2 a chain without a valid instance", "ARC-Seal: i=77; a\r\n" + plainMail, Fail, 1, Fail, nil},
		{"5.1.2 a chain that had failed before", sealed(chain(plainMail, 1), 2, sealer{cv: "fail"}), Fail, 0, "", ErrFailed},
		{"5.1.2 the same in capitals", sealed(chain(plainMail, 1), 2, sealer{cv: "FAIL"}), Fail, 0, "", ErrFailed},
		{"5.1.2 a chain that had failed before, whatever was found", sealed(chain(plainMail, 1), 2, sealer{cv: "fail"}), Pass, 0, "", ErrFailed},
		{"4.2.1 49 sets", chain(plainMail, 49), Pass, 50, Pass, nil},
		{"4.2.1 50 sets", chain(plainMail, 50), Pass, 0, "", ErrFull},
		{"4.2.1 50 sets that fail", changed(chain(plainMail, 50)), Fail, 0, "", ErrFull},
		{"4.2.1 151 fields", strings.Repeat("ARC-Seal: i=1; cv=none\r\n", 151) + plainMail, Fail, 0, "", ErrFull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, err := sealAll(tt.mail, sealOptions(tt.status))
			if err != nil {
				if tt.err == nil || !errors.Is(err, tt.err) {
					t.Fatalf("not sealed: %v, want %v", err, tt.err)
				}
				return
			}
			if set.Instance != tt.instance || set.Chain != tt.cv {
				t.Errorf("i=%d cv=%s, want i=%d cv=%s", set.Instance, set.Chain, tt.instance, tt.cv)
			}
			want := Pass
			if tt.cv == Fail {
				want = Fail
				if err := verifyAlone(set.Fields, &rsaSealKey().PublicKey); err != nil {
					t.Errorf("the set alone: %v", err)
				}
			}
			got := verify(r, onTop(set.Fields)+tt.mail, dkim.Options{})
			if got.Status != want {
				t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
			}
			if tt.instance == 50 {
				if _, err := sealAll(onTop(set.Fields)+tt.mail, sealOptions(Pass)); !errors.Is(err, ErrFull) {
					t.Errorf("the 51st set: %v", err)
				}
			}
		})
	}
}

// TestSealFields: the fields of a set stand in the order of RFC 8617 section 4.1, in lines
// that no server breaks, and say what they must.
func TestSealFields(t *testing.T) {
	t.Parallel()
	o := sealOptions(None)
	o.Time = time.Unix(1750000000, 0)
	o.Results = " mx.ours.example; (a comment)\r\n\tdkim=pass (2048-bit key) header.d=example.org;\r\n\tspf=pass smtp.mailfrom=example.org"
	mail := "DKIM-Signature: v=1; x\r\nARC-Other: x\r\nAuthentication-Results: mx.ours.example; spf=pass\r\nDKIM-Signature: v=1; y\r\n" + plainMail
	set, err := sealAll(mail, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range set.Fields {
		names = append(names, f.Name)
		for line := range strings.Lines(f.Raw) {
			if len(strings.TrimRight(line, "\r\n")) > 78 {
				t.Errorf("a long line: %q", line)
			}
		}
	}
	if got := fmt.Sprint(names); got != "[ARC-Authentication-Results ARC-Message-Signature ARC-Seal]" {
		t.Errorf("fields %s", got)
	}
	if got, want := set.Fields[results].Raw, "ARC-Authentication-Results: i=1; mx.ours.example;\r\n\tdkim=pass header.d=example.org;\r\n\tspf=pass smtp.mailfrom=example.org\r\n"; got != want {
		t.Errorf("results\n%s", got)
	}
	signature, err := dkim.ParseMessageSignature(set.Fields[messageSignature])
	if err != nil {
		t.Fatal(err)
	}
	h := strings.Join(signature.SignedFields, ":")
	if strings.Contains(h, "arc-") || strings.Contains(h, "authentication-results") || strings.Count(h, "dkim-signature") != 2 || !strings.HasPrefix(h, "from:from:") {
		t.Errorf("h=%s", h)
	}
	if got := tagNames(signature.Tags); got != "i a c d s t h bh b" {
		t.Errorf("tags of the message signature: %s", got)
	}
	s, err := dkim.ParseSeal(set.Fields[seal])
	if err != nil {
		t.Fatal(err)
	}
	if got := tagNames(s.Tags); got != "i a t cv d s b" || s.Time != 1750000000 {
		t.Errorf("tags of the seal: %s, t=%d", got, s.Time)
	}
}

func tagNames(tags dkim.Tags) string {
	var names []string
	for _, t := range tags {
		names = append(names, t.Name)
	}
	return strings.Join(names, " ")
}

func TestSealOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*SealOptions)
		want   string
	}{
		{"no key", func(o *SealOptions) { o.Key = nil }, "arc: the key is missing"},
		{"Ed25519", func(o *SealOptions) { o.Key = sealKey }, "arc: a key of type ed25519.PublicKey cannot seal; RSA can"},
		{"no domain", func(o *SealOptions) { o.Domain = "" }, `dkim: signing: domain "" is not a domain name`},
		{"no selector", func(o *SealOptions) { o.Selector = "a b" }, `dkim: signing: selector "a b" is not a domain name`},
		{"no time", func(o *SealOptions) { o.Time = time.Time{} }, "dkim: signing: the time is missing"},
		{"From unsigned", func(o *SealOptions) { o.Fields = []dkim.FieldRule{{Name: "to"}} }, "dkim: signing: the fields to sign lack From"},
		{"no results", func(o *SealOptions) { o.Results = "" }, "arc: the results cannot be read: malformed field: no authserv-id at octet 0"},
	} {
		o := sealOptions(None)
		tt.change(&o)
		if _, err := sealAll(plainMail, o); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	for _, mail := range []string{"To: a@b.example\r\n\r\n", "From: a@b.example\r\nFROM: c@d.example\r\n\r\n"} {
		if _, err := sealAll(mail, sealOptions(None)); !errors.Is(err, ErrAuthor) {
			t.Errorf("%q: %v", mail, err)
		}
	}
	var bodies dkim.Bodies
	s, err := NewSigner(&bodies)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(message.Header{message.NewField("From", " a@b.example")}, sealOptions(None)); err == nil || err.Error() != "dkim: signing: the body is incomplete" {
		t.Errorf("before the body is complete: %v", err)
	}
	var crowded dkim.Bodies
	for i := range 20 {
		crowded.Hash(dkim.Simple, 5, int64(i))
	}
	if _, err := NewSigner(&crowded); err == nil {
		t.Error("a 21st body hash")
	}
}
