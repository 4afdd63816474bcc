package policy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// TestSignedFields: a message is signed as its recipients need it.
func TestSignedFields(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	names := func(all ...string) *addrlist.List {
		l, err := addrlist.New(addrlist.Names, all...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, MaxRecipients: 3,
		Signing: &policy.Signing{
			Keys: &keyring{keys: []policy.SigningKey{signingKey("new", key, true)}},
			Recipients: []policy.RecipientFields{
				{Domains: names("lists.example", ".groups.example"), Fields: dkim.ListFields()},
				{Domains: names("bank.example"), Fields: dkim.StrictFields()},
			},
		},
	})
	const mail = "From: ann@example.org\r\nTo: all@lists.example\r\nSubject: x\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\nList-Id: <all.lists.example>\r\n\r\nHi.\r\n"
	const other, lists, strict = "default", "lists", "strict"
	for name, tt := range map[string]struct {
		rcpts []string
		want  string
	}{
		"a list":                    {[]string{"all@lists.example"}, lists},
		"lists":                     {[]string{"all@LISTS.example", "all@x.groups.example"}, lists},
		"a list and somebody else":  {[]string{"all@lists.example", "bob@example.net"}, other},
		"of both":                   {[]string{"all@lists.example", "bob@bank.example"}, other},
		"a bank":                    {[]string{"bob@bank.example"}, strict},
		"nobody":                    {nil, other},
		"no domain":                 {[]string{"postmaster"}, other},
		"more than are kept":        {[]string{"a@lists.example", "b@lists.example", "c@lists.example", "d@lists.example"}, other},
		"a name that has it inside": {[]string{"all@lists.example.net"}, other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := message.NewReader(strings.NewReader(mail))
			header, err := r.Header()
			if err != nil {
				t.Fatal(err)
			}
			e := message.Envelope{Sender: message.Sender{Path: "ann@example.org", User: "ann@example.org"}, Recipients: tt.rcpts}
			_, res, err := checker.Play(t.Context(), e, header, r, false)
			if err != nil {
				t.Fatal(err)
			}
			v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
			if len(v.Insert) == 0 || !v.Insert[0].Is("DKIM-Signature") {
				t.Fatalf("not signed: %+v", v)
			}
			signature := strings.Join(strings.Fields(v.Insert[0].Raw), "")
			// Cc is absent: only lists leaves it so. A Message-ID only strict forbids.
			got := other
			if !strings.Contains(signature, "cc:") {
				got = lists
			} else if strings.Contains(signature, "message-id:") {
				got = strict
			}
			if got != tt.want {
				t.Errorf("signed as for %s, want %s: %s", got, tt.want, signature)
			}
		})
	}
}

// TestTooManyFields: a message with more fields than a signature can cover is not signed.
// Its key is none the worse for it, so that the message is not deferred.
func TestTooManyFields(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true},
		Signing: &policy.Signing{Keys: &keyring{keys: []policy.SigningKey{signingKey("new", key, true)}}},
	})
	mail := strings.Repeat("Resent-To: bob@example.net\r\n", 1001) + "From: ann@example.org\r\n\r\nHi.\r\n"
	res := converse(t, checker, golden{client: message.Client{IP: netip.MustParseAddr("203.0.113.7")}, sender: message.Sender{Path: "ann@example.org", User: "ann@example.org"}, message: []byte(mail)})
	s := res.Signing
	if s.Reason != sign.Oversize || s.Detail != "signing: more than 1000 fields to sign" || s.KeyFault {
		t.Errorf("%+v", s)
	}
	if v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res); v.Action != result.Accept {
		t.Errorf("verdict %s", v.Action)
	}
}
