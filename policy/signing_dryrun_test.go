package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// TestDryRun: nothing is signed, added, changed or deferred, and the message is told to
// be signed alike, differently, or by one alone.
func TestDryRun(t *testing.T) {
	t.Parallel()
	first, second := signingKeys()[0], signingKeys()[1]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(first))+dnstest.TXT("old._domainkey.example.org", keyRecord(second)))
	const ann = "From: Ann <ann@example.org>\r\nX-Mine: 1\r\nSubject: hello\r\n\r\nHi.\r\n"
	by := func(selector string) string {
		if selector == "old" {
			return ownSignature(t, ann, selector, second)
		}
		return ownSignature(t, ann, selector, first)
	}
	foreign := strings.NewReplacer("example.org", "example.net").Replace(by("new"))
	keys := []policy.SigningKey{signingKey("new", first, false)}
	login := message.Sender{Path: "ann@example.org", User: "ann@example.org"}
	tests := []struct {
		name, mail string
		sender     message.Sender
		keys       keyring
		outcome    string
		detail     string // a part of it
	}{
		{"alike", by("new") + ann, login, keyring{keys: keys}, result.DryRunAlike, ""},
		{"by the older selector", by("old") + ann, login, keyring{keys: keys}, result.DryRunDiffers, "it signed as example.org/old, we would as example.org/new"},
		{"it covers more", strings.Replace(by("new"), "h=", "h=x-mine:", 1) + ann, login, keyring{keys: keys}, result.DryRunDiffers, "it alone covers x-mine; its signature does not verify"},
		{"the message was changed behind it", by("new") + ann + "more\r\n", login, keyring{keys: keys}, result.DryRunDiffers, "its signature does not verify"},
		{"only we", ann, login, keyring{keys: keys}, result.DryRunOurs, ""},
		{"a foreign signature does not count", foreign + ann, login, keyring{keys: keys}, result.DryRunOurs, ""},
		{"only it", by("new") + ann, login, keyring{}, result.DryRunTheirs, "it signed as example.org/new"},
		{"nobody", ann, login, keyring{}, result.DryRunNeither, ""},
		{"another's login", by("new") + ann, message.Sender{Path: "x@example.net", User: "x@example.net"}, keyring{keys: keys}, result.DryRunTheirs, ""},
		{"a key that cannot be read", by("new") + ann, login, keyring{err: errors.New("s.pem: damaged")}, result.DryRunTheirs, ""},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checker := policy.NewChecker(policy.Options{
				Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true},
				Signing: &policy.Signing{Keys: &tt.keys, AddMissing: true, DryRun: true},
			})
			res := converse(t, checker, golden{sender: tt.sender, message: []byte(tt.mail)})
			d := res.Signing.DryRun
			if d == nil {
				t.Fatalf("no dry run: %+v", res.Signing)
			}
			if d.Outcome != tt.outcome || !strings.Contains(d.Detail, tt.detail) || tt.detail == "" && tt.outcome == result.DryRunAlike && d.Detail != "" {
				t.Errorf("%s: %s", d.Outcome, d.Detail)
			}
			v := (rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
			if v.Action != result.Accept || len(v.Change)+len(v.Append)+len(v.Withdraw) > 0 {
				t.Errorf("%s, changes %v %v %v", v.Action, v.Change, v.Append, v.Withdraw)
			}
			for _, f := range v.Insert {
				if f.Is("DKIM-Signature") {
					t.Errorf("signed: %s", f.Raw)
				}
			}
		})
	}
}
