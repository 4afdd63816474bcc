package arc

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plainMail = "From: Joe <joe@example.org>\r\nTo: list@example.net\r\nSubject: Hello\r\n\r\nHello there.\r\n"

// sealKey signs all sets of the tests.
var sealKey = ed25519.NewKeyFromSeed([]byte("postvet tests: 32 bytes of seed."))

func keyRecord() string {
	return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(sealKey.Public().(ed25519.PublicKey))
}

// sealer configures the set of one hop. The zero value makes a valid set.
type sealer struct {
	domain, selector string // default hopN.example, s
	cv               string // default: the right one
	messageTags      string // more tags of the ARC-Message-Signature
	sealTags         string // more tags of the ARC-Seal
	h                string // default from:to:subject
	c                string // default "c=relaxed/relaxed; "
}

// sealed puts set n on top of a message that has the sets below n. It is independent
// of the package under test and uses only the relaxed form of package dkim.
func sealed(mail string, n int, o sealer) string {
	def := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	def(&o.domain, fmt.Sprintf("hop%d.example", n))
	def(&o.selector, "s")
	def(&o.h, "from:to:subject")
	def(&o.c, "c=relaxed/relaxed; ")
	if n == 1 {
		def(&o.cv, "none")
	}
	def(&o.cv, "pass")
	header, body := splitMessage(mail)
	last := func(name string) string { // the last field of a name, in relaxed form
		for i := len(header) - 1; i >= 0; i-- {
			if header[i].Is(name) {
				return string(dkim.AppendField(nil, dkim.Relaxed, header[i]))
			}
		}
		return ""
	}
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	sign := func(s string) string {
		return base64.StdEncoding.EncodeToString(ed25519.Sign(sealKey, sum(s)))
	}
	relaxed := func(f message.Field) string { return string(dkim.AppendField(nil, dkim.Relaxed, f)) }
	aar := message.NewField("ARC-Authentication-Results", fmt.Sprintf(" i=%d; mx.%s; spf=pass", n, o.domain))
	ams := fmt.Sprintf(" i=%d; a=ed25519-sha256; %sd=%s; s=%s; h=%s; bh=%s;%s b=", n, o.c, o.domain, o.selector, o.h,
		base64.StdEncoding.EncodeToString(sum(body)), o.messageTags)
	var data strings.Builder
	for _, name := range strings.Split(o.h, ":") {
		data.WriteString(last(name))
	}
	data.WriteString(strings.TrimSuffix(relaxed(message.NewField("ARC-Message-Signature", ams)), "\r\n"))
	amsField := message.NewField("ARC-Message-Signature", ams+sign(data.String()))
	as := fmt.Sprintf(" i=%d; a=ed25519-sha256; cv=%s; d=%s; s=%s;%s b=", n, o.cv, o.domain, o.selector, o.sealTags)
	data.Reset()
	for below := 1; below < n; below++ {
		for _, name := range fieldNames {
			for _, f := range header {
				if f.Is(name) && strings.HasPrefix(f.Value(), fmt.Sprintf(" i=%d;", below)) {
					data.WriteString(relaxed(f))
				}
			}
		}
	}
	data.WriteString(relaxed(aar) + relaxed(amsField))
	data.WriteString(strings.TrimSuffix(relaxed(message.NewField("ARC-Seal", as)), "\r\n"))
	asField := message.NewField("ARC-Seal", as+sign(data.String()))
	return asField.Raw + amsField.Raw + aar.Raw + mail
}

// chain seals a message n times.
func chain(mail string, n int) string {
	for i := 1; i <= n; i++ {
		mail = sealed(mail, i, sealer{})
	}
	return mail
}

func arcZone() string {
	var z strings.Builder
	for i := 1; i <= 51; i++ {
		fmt.Fprintf(&z, "s._domainkey.hop%d.example. IN TXT \"%s\"\n", i, keyRecord())
	}
	fmt.Fprintf(&z, "strict._domainkey.hop1.example. IN TXT \"%s; t=s\"\n", keyRecord())
	z.WriteString("revoked._domainkey.hop1.example. IN TXT \"p=\"\n")
	z.WriteString("$FAULT servfail._domainkey.hop1.example TXT SERVFAIL\n$FAULT servfail._domainkey.hop2.example TXT SERVFAIL\n")
	return z.String()
}

func TestVerify(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, arcZone())
	replace := func(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
	one, two, three := chain(plainMail, 1), chain(plainMail, 2), chain(plainMail, 3)
	const (
		ams1   = "ARC-Message-Signature 1: "
		as1    = "ARC-Seal 1: "
		broken = "signature does not match: a signed header field was changed"
	)
	tests := []struct {
		name, mail string
		status     Status
		reason     string
		oldest     int
	}{
		{"no chain", plainMail, None, "", 0},
		{"nothing", "", None, "", 0},
		{"5.2 one set", one, Pass, "", 0},
		{"5.2 three sets", three, Pass, "", 0},
		{"5.2 fields in another order", reorder(two), Pass, "", 0},
		{"4.2.1 fifty sets", chain(plainMail, 50), Pass, "", 0},
		{"4.2.1 instance 51", strings.ReplaceAll(chain(plainMail, 50), "i=50;", "i=51;"), Fail, "ARC-Seal: i= is not an instance from 1 to 50", 0},
		{"4.2.1 more than fifty sets", strings.Repeat("ARC-Seal: i=1\r\n", 151) + plainMail, Fail, "more than 50 ARC sets", 0},
		{"5.2 body changed under the newest", replace(two, "Hello there", "Hallo there"), Fail, "ARC-Message-Signature 2: body hash does not match: the body was changed after signing", 0},
		{"5.2 header changed under the newest", replace(two, "Subject: Hello", "Subject: [list] Hello"), Fail, "ARC-Message-Signature 2: " + broken, 0},
		{"5.2 changed between 1 and 2", sealed(replace(one, "Subject: Hello", "Subject: [list] Hello"), 2, sealer{}), Pass, "", 2},
		{"5.2 changed between 2 and 3", sealed(replace(two, "Hello there", "Hallo there"), 3, sealer{}), Pass, "", 3},
		{"5.2 changed below 3 of 4", sealed(sealed(replace(two, "Hello there", "Hallo there"), 3, sealer{}), 4, sealer{}), Pass, "", 3},
		{"5.2 results changed", replace(two, "i=1; mx.hop1.example; spf=pass", "i=1; mx.hop1.example; spf=fail"), Fail, "ARC-Seal 2: " + broken, 0},
		{"5.2 field not signed changed", "Received: x\r\n" + two, Pass, "", 0},
		{"5.2 white space in the chain", replace(two, "; cv=", ";\r\n\tcv="), Pass, "", 0},
		{"5.2 set 1 missing", removeSet(two, 1), Fail, "ARC set 1 of 2 is missing", 0},
		{"5.2 set 2 missing", removeSet(three, 2), Fail, "ARC set 2 of 3 is missing", 0},
		{"5.2 newest set removed", removeSet(three, 3), Pass, "", 0}, // the rest is a valid chain
		{"5.2 seal missing", replace(one, "ARC-Seal:", "X-Seal:"), Fail, "ARC-Seal 1 is missing", 0},
		{"5.2 results missing", replace(one, "ARC-Authentication-Results:", "X-Results:"), Fail, "ARC-Authentication-Results 1 is missing", 0},
		{"5.2 results twice", "ARC-Authentication-Results: i=1; x\r\n" + one, Fail, "ARC-Authentication-Results 1 is repeated", 0},
		{"4.1.3 cv=pass at 1", sealed(plainMail, 1, sealer{cv: "pass"}), Fail, as1 + "cv= is not none", 0},
		{"4.1.3 cv=none at 2", sealed(one, 2, sealer{cv: "none"}), Fail, "ARC-Seal 2: cv= is not pass", 0},
		{"4.1.3 cv=fail", sealed(one, 2, sealer{cv: "fail"}), Fail, "ARC-Seal 2: cv=fail: the chain had failed before this hop", 0},
		{"4.1.3 cv in other case", sealed(one, 2, sealer{cv: "Pass"}), Pass, "", 0},
		{"4.1.3 h= in a seal", sealed(plainMail, 1, sealer{sealTags: " h=from;"}), Fail, as1 + "h= is not allowed", 0},
		{"4.1.3 unknown tag in a seal", sealed(plainMail, 1, sealer{sealTags: " future=x; x=12;"}), Pass, "", 0},
		{"4.1.3 repeated tag in a seal", sealed(plainMail, 1, sealer{sealTags: " t=1; t=1;"}), Fail, "ARC-Seal: tag t= is repeated", 0},
		{"4.1.3 t= not a time", sealed(plainMail, 1, sealer{sealTags: " t=now;"}), Fail, as1 + "t= is not a time", 0},
		{"4.1.3 cv=None", sealed(plainMail, 1, sealer{cv: "None"}), Pass, "", 0},
		{"4.1.3 cv=PASS", sealed(one, 2, sealer{cv: "PASS"}), Pass, "", 0},
		{"4.1.3 cv=Fail", sealed(one, 2, sealer{cv: "Fail"}), Fail, "ARC-Seal 2: cv=fail: the chain had failed before this hop", 0},
		{"4.1.3 cv=nones", sealed(plainMail, 1, sealer{cv: "nones"}), Fail, as1 + "cv= is not none", 0},
		{"4.1.2 From is not signed", sealed(plainMail, 1, sealer{h: "to:subject"}), Fail, ams1 + "h= does not sign From", 0},
		{"4.1.2 From is not signed in an older set", sealed(sealed(plainMail, 1, sealer{h: "to:subject"}), 2, sealer{}), Pass, "", 2},
		{"RFC 6376 3.5 x= at t=", sealed(plainMail, 1, sealer{messageTags: " t=1000; x=1000;"}), Fail, ams1 + "x= is not after t=", 0},
		{"4.1.2 h= names ARC-Seal", sealed(one, 2, sealer{h: "from:arc-seal"}), Fail, "ARC-Message-Signature 2: h= must not name ARC-Seal", 0},
		{"4.1.2 h= names ARC-Message-Signature", sealed(one, 2, sealer{h: "from:arc-message-signature"}), Pass, "", 0},
		{"4.1.2 no c=", sealed(plainMail, 1, sealer{c: " "}), Pass, "", 0},
		{"4.1.2 no c= and changed", replace(sealed(plainMail, 1, sealer{c: " "}), "Subject: Hello", "Subject: x"), Fail, ams1 + broken, 0},
		{"4.1.2 older one with a broken tag", sealed(sealed(plainMail, 1, sealer{messageTags: " l=x;"}), 2, sealer{}), Pass, "", 2},
		{"4.1.2 l=", sealed(plainMail, 1, sealer{messageTags: " l=14;"}) + "more\r\n", Pass, "", 0},
		{"4.1.2 x= over", sealed(plainMail, 1, sealer{messageTags: " x=12345;"}), Fail, ams1 + "expired on 1970-01-01 03:25:45 UTC", 0},
		{"8301 rsa-sha1", replace(one, "i=1; a=ed25519-sha256; cv", "i=1; a=rsa-sha1; cv"), Fail, as1 + "algorithm rsa-sha1 is no longer valid", 0},
		{"4.1.1 comments around the instance", replace(one, "Results: i=1;", "Results: (a (b\\)) ) i (c) = 1 (d) ;"), Fail, as1 + broken, 0},
		{"4.1.1 comment without end", replace(one, "Results: i=1;", "Results: (i=1;"), Fail, "ARC-Authentication-Results: it does not begin with i=", 0},
		{"4.1.1 no semicolon", replace(one, "Results: i=1;", "Results: i=1 x;"), Fail, "ARC-Authentication-Results: no semicolon after i=", 0},
		{"4.2.1 instance 0", replace(one, "Seal: i=1;", "Seal: i=0;"), Fail, "ARC-Seal: i= is not an instance from 1 to 50", 0},
		{"4.2.1 instance of three digits", replace(one, "Seal: i=1;", "Seal: i=001;"), Fail, "ARC-Seal: i= is not an instance", 0},
		{"4.2.1 no instance", replace(one, "Seal: i=1;", "Seal:"), Fail, "ARC-Seal: i= is missing", 0},
		{"6376 t=s in the key", sealed(plainMail, 1, sealer{selector: "strict"}), Pass, "", 0},
		{"6376 revoked", sealed(plainMail, 1, sealer{selector: "revoked"}), Fail, ams1 + "key revoked", 0},
		{"6376 no key", sealed(plainMail, 1, sealer{selector: "none"}), Fail, ams1 + "no key at none._domainkey.hop1.example", 0},
		{"DNS failure", sealed(plainMail, 1, sealer{selector: "servfail"}), TempError, ams1 + "looking up servfail._domainkey.hop1.example: servfail", 0},
		{"DNS failure at an older seal", sealed(sealed(plainMail, 1, sealer{selector: "servfail"}), 2, sealer{}), TempError, as1 + "looking up servfail._domainkey.hop1.example: servfail", 0},
		{"DNS failure and a permanent failure", replace(sealed(one, 2, sealer{selector: "servfail"}), "i=1; mx.hop1.example; spf=pass", "i=1; mx.hop1.example; spf=fail"), Fail, as1 + broken, 0},
		{"DNS failure and the body changed", replace(sealed(one, 2, sealer{selector: "servfail"}), "Hello there", "x"), Fail, "ARC-Message-Signature 2: body hash does not match: the body was changed after signing", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := verify(r, tt.mail, dkim.Options{})
			if d := cmp.Diff([]any{tt.status, tt.reason, tt.oldest}, []any{got.Status, got.Reason, got.OldestPass}); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got.Sealers == nil {
				t.Error("sealers are nil")
			}
		})
	}
}

// reorder puts the ARC fields of a message in the reverse order.
func reorder(mail string) string {
	h, body := splitMessage(mail)
	var top, rest string
	for _, f := range h {
		if kindOf(f) >= 0 {
			top = f.Raw + top
		} else {
			rest += f.Raw
		}
	}
	return top + rest + "\r\n" + body
}

// removeSet takes set n out of a message.
func removeSet(mail string, n int) string {
	h, body := splitMessage(mail)
	var out string
	for _, f := range h {
		if !strings.HasPrefix(f.Value(), fmt.Sprintf(" i=%d;", n)) {
			out += f.Raw
		}
	}
	return out + "\r\n" + body
}

func TestResult(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, arcZone())
	sealers := []Sealer{{Instance: 1, Domain: "hop1.example", Selector: "s"}, {Instance: 2, Domain: "hop2.example", Selector: "s"}}
	got := verify(r, chain(plainMail, 2), dkim.Options{})
	for i := range got.Sealers {
		if got.Sealers[i].Recorded == nil {
			t.Fatal("a chain passes without the recorded results of its sealers")
		}
		got.Sealers[i].Recorded = nil
	}
	if d := cmp.Diff(Result{Status: Pass, Instances: 2, Sealers: sealers}, got); d != "" {
		t.Errorf("pass (-want +got):\n%s", d)
	}
	got = verify(r, strings.Replace(chain(plainMail, 2), "Results: i=2;", "Results: i=9;", 1), dkim.Options{})
	want := Result{Status: Fail, Reason: "ARC-Authentication-Results 2 is missing", Instances: 3, Sealers: sealers}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("broken, with what could be read (-want +got):\n%s", d)
	}
	if d := cmp.Diff(Result{Status: None, Sealers: []Sealer{}}, verify(r, plainMail, dkim.Options{})); d != "" {
		t.Errorf("none (-want +got):\n%s", d)
	}
}

// TestSharedBodies checks that the chain and the DKIM signatures of a message share
// their body hashes.
func TestSharedBodies(t *testing.T) {
	t.Parallel()
	h, _ := splitMessage(chain(plainMail, 50))
	var bodies dkim.Bodies
	NewVerifier(h, &bodies, dkim.Options{})
	for i := range 20 {
		if got := bodies.Hash(dkim.Simple, 5, int64(i)) == nil; got != (i == 19) {
			t.Fatalf("hash %d refused: %v; the chain should have taken one of 20", i, got)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(chain(plainMail, 1))
	f.Add(sealed(chain(plainMail, 1), 2, sealer{c: " ", messageTags: " l=3;"}))
	f.Add("ARC-Seal: i=1; cv=none\r\nARC-Authentication-Results: ((i=1;\r\nARC-Message-Signature: i=50\r\n\r\n")
	r := resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{keyRecord()}}
	})
	f.Fuzz(func(t *testing.T, mail string) {
		got := verify(r, mail, dkim.Options{})
		if d := verify(r, mail, dkim.Options{Diagnose: true}); d.Status != got.Status || d.Reason != got.Reason {
			t.Errorf("the diagnosis changes %+v to %+v", got, d)
		}
		if (got.Reason == "") != (got.Status == Pass || got.Status == None) || got.Reason == "internal error" || got.Sealers == nil {
			t.Errorf("%+v", got)
		}
		if len(got.Sealers) > maxInstances || got.OldestPass > got.Instances {
			t.Errorf("%+v", got)
		}
	})
}
