package policy_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/rules"
)

// TestSecondSignature: an Ed25519 key signs beside an RSA key, below it, and never alone.
func TestSecondSignature(t *testing.T) {
	t.Parallel()
	rsa := signingKeys()[0]
	ed := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed.Public().(ed25519.PublicKey))
	_, r := dnstest.Start(t, dnstest.TXT("rsa._domainkey.example.org", keyRecord(rsa))+
		dnstest.TXT("ed._domainkey.example.org", record)+
		dnstest.TXT("wrong._domainkey.example.org", record+"; h=sha1"))
	const mail = "From: ann@example.org\r\nSubject: hello\r\n\r\nHi.\r\n"
	tests := []struct {
		name string
		keys []policy.SigningKey
		// signed are the selectors of the signatures that verify, from the top.
		signed          []string
		without, detail string
	}{
		{"both", []policy.SigningKey{signingKey("ed", ed, false), signingKey("rsa", rsa, false)}, []string{"rsa", "ed"}, "", ""},
		{"RSA alone", []policy.SigningKey{signingKey("rsa", rsa, false)}, []string{"rsa"}, "", ""},
		{"Ed25519 not published", []policy.SigningKey{signingKey("rsa", rsa, false), signingKey("next", ed, false)}, []string{"rsa"}, "the DNS has no record at next._domainkey.example.org", ""},
		{"Ed25519 unfit", []policy.SigningKey{signingKey("rsa", rsa, false), signingKey("wrong", ed, true)}, []string{"rsa"}, `the record at wrong._domainkey.example.org keeps the key from signing: the key does not allow sha256: h="sha1"`, ""},
		{"Ed25519 alone", []policy.SigningKey{signingKey("ed", ed, true)}, nil, "", "the Ed25519 key ed._domainkey.example.org never signs alone"},
		{"RSA not published", []policy.SigningKey{signingKey("next", rsa, false), signingKey("ed", ed, true)}, nil, "", "the DNS has no record at next._domainkey.example.org; the Ed25519 key ed._domainkey.example.org never signs alone"},
		{"five RSA keys in front", []policy.SigningKey{
			signingKey("rsa", rsa, false), signingKey("a", rsa, false), signingKey("b", rsa, false), signingKey("c", rsa, false), signingKey("d", rsa, false), signingKey("ed", ed, false),
		}, []string{"rsa", "ed"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checker := policy.NewChecker(policy.Options{
				Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{Keys: &keyring{keys: tt.keys}},
			})
			res := converse(t, checker, golden{sender: message.Sender{User: "ann@example.org"}, message: []byte(mail)})
			if res.Signing == nil || res.Signing.Without != tt.without || res.Signing.Detail != tt.detail {
				t.Errorf("signing %+v", res.Signing)
			}
			after := mail
			for _, f := range (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res).Insert {
				if f.Is("DKIM-Signature") {
					after = f.Raw + after
				}
			}
			var signed []string
			verified := converse(t, policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.net"}), golden{message: []byte(after)})
			for _, d := range verified.DKIM {
				if d.Status != dkim.Pass {
					t.Errorf("%s: %s, %s", d.Selector, d.Status, d.Reason)
				}
				signed = append(signed, d.Selector)
			}
			if d := cmp.Diff(tt.signed, signed); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
