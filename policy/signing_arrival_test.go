package policy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// TestListOfStrangers has a stranger write to a list in the name of one of our users, in
// a domain without a policy, so that the message arrives. The list hands it in by a
// listener whose mail is signed: the stranger must not get our signature.
func TestListOfStrangers(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	const (
		received = "Received: from evil.example (evil.example [203.0.113.66]) by mx.example.org (Postfix) with ESMTP id 2; Sat, 28 Nov 2026 12:00:00 +0000\r\n"
		forged   = "From: Boss <boss@example.org>\r\nTo: list@example.org\r\nSubject: hello\r\n\r\nHi.\r\n"
		munged   = "From: Eve via List <list@example.org>\r\nTo: list@example.org\r\nSubject: hello\r\n\r\nHi.\r\n"
	)
	field := func(s string) string { return "Authentication-Results: mx.example.org; " + s + "\r\n" }
	refused := "relayed-through-us: it came from 203.0.113.66 before, and nothing proved its author in example.org"
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org",
		Signing: &policy.Signing{Options: sign.Options{Daemons: []string{"LISTS"}}, Keys: &keyring{keys: []policy.SigningKey{signingKey("new", key, true)}}},
	})
	arrive := func(mail string) string { // returns our field
		res := converse(t, checker, golden{
			client: message.Client{IP: netip.MustParseAddr("203.0.113.66")}, helo: "evil.example", sender: message.Sender{Path: "eve@evil.example"}, message: []byte(mail),
		})
		v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
		if v.Action != result.Accept {
			t.Fatalf("on arrival: %s", v.Action)
		}
		return "Authentication-Results:" + v.AuthenticationResults + "\r\n"
	}
	for _, tt := range []struct{ name, mail, want string }{
		{"a stranger as one of us", arrive(forged) + received + forged, refused},
		{"the same in the name of the list", arrive(forged) + received + munged, refused},
		{"another stranger in the name of the list", arrive(strings.Replace(forged, "boss@example.org", "eve@evil.example", 1)) + received + munged, ""},
		{"proven", field("dmarc=pass header.from=example.org") + received + forged, ""},
		{"proven before, not now", field("dmarc=fail header.from=example.org") + field("dmarc=pass header.from=example.org") + received + forged, refused},
		{"a result without a domain", field("dmarc=permerror") + received + forged, refused},
		{"a field that cannot be read", field("dmarc=fail (") + received + forged, refused},
		{"a foreign field", "Authentication-Results: mx.evil.example; dmarc=fail header.from=example.org\r\n" + received + forged, ""},
		{"of one of us", forged, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := converse(t, checker, golden{
				client: message.Client{IP: netip.MustParseAddr("127.0.0.1"), Listener: "LISTS"}, sender: message.Sender{Path: "list-bounces@example.org"}, message: []byte(tt.mail),
			})
			got := ""
			if s := res.Signing; s.Reason != "" {
				got = string(s.Reason) + ": " + s.Detail
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
