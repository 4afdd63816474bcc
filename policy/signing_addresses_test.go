package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/rules"
)

// TestSigningForSendmail: addresses are written as Sendmail will write them, before they are
// signed; with another MTA, and under another's signature, they stay as they are.
func TestSigningForSendmail(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", key, false)}}
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{Keys: ring},
	})
	const mail = "From: A. Doe <ann@example.org>\r\nTo: a@x.example,b@y.example\r\nBcc: c@x.example,d@y.example\r\n\r\nHi.\r\n"
	own := ownSignature(t, strings.Replace(mail, "Hi.", "Ho.", 1), "new", key)
	foreign := "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n"
	rewritten := []string{"From: \"A. Doe\" <ann@example.org>\r\n", "To: a@x.example, b@y.example\r\n"}
	for _, tt := range []struct {
		name, mta, mail string
		want            []string
	}{
		{"Sendmail", "8.18.1", mail, rewritten},
		{"Sendmail, signed by us before and changed", "8.18.1", own + mail, rewritten},
		{"Sendmail, signed by another", "8.18.1", foreign + mail, nil},
		{"Sendmail, a signature that cannot be read", "8.18.1", "DKIM-Signature: x\r\n" + mail, nil},
		{"Postfix", "Postfix 3.9.0", mail, nil},
		{"unknown", "", mail, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := converse(t, checker, golden{client: message.Client{MTA: tt.mta}, sender: message.Sender{User: "ann@example.org"}, message: []byte(tt.mail)})
			v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
			var changed []string
			after := tt.mail
			for _, c := range v.Change {
				changed = append(changed, c.Field.Raw)
				was := map[string]string{"From": "From: A. Doe <ann@example.org>\r\n", "To": "To: a@x.example,b@y.example\r\n"}[c.Name]
				after = strings.Replace(after, was, c.Field.Raw, 1)
			}
			if d := cmp.Diff(tt.want, changed); d != "" {
				t.Errorf("changed (-want +got):\n%s", d)
			}
			if len(v.Insert) == 0 || !v.Insert[0].Is("DKIM-Signature") {
				t.Fatalf("inserted %v", v.Insert)
			}
			got := converse(t, policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.net"}), golden{message: []byte(v.Insert[0].Raw + after)})
			if len(got.DKIM) == 0 || got.DKIM[0].Status != "pass" {
				t.Errorf("verifies as %+v", got.DKIM)
			}
		})
	}
}
