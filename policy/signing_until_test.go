package policy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// TestSigningUntil: entries with an end count until then, in all lists of signing and
// sealing.
func TestSigningUntil(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	end := time.Now().Add(time.Hour)
	until := func(entry string, kind addrlist.Kind) *addrlist.List {
		var b addrlist.Builder
		b.Until(end)
		if err := b.Add(entry, kind); err != nil {
			t.Fatal(err)
		}
		return b.List()
	}
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", key, true)}}
	play := func(at time.Time, from string) *result.Results {
		checker := policy.NewChecker(policy.Options{
			Resolver: r, AuthservID: "mx.example.org", Now: func() time.Time { return at },
			Signing: &policy.Signing{
				Options: sign.Options{Networks: until("10.0.0.0/8", addrlist.Addresses)}, Keys: ring,
				Recipients: []policy.RecipientFields{{Domains: until("lists.example", addrlist.Names), Fields: dkim.ListFields()}},
			},
			Sealing: &policy.Sealing{Options: sign.SealOptions{Networks: until("10.1.0.0/16", addrlist.Addresses), Recipients: until("sent.example", addrlist.Names)}, Domain: "example.org", Keys: ring},
		})
		m := message.NewReader(strings.NewReader("From: ann@example.org\r\nTo: all@lists.example\r\nSubject: x\r\n\r\nHi.\r\n"))
		header, err := m.Header()
		if err != nil {
			t.Fatal(err)
		}
		e := message.Envelope{Client: message.Client{IP: netip.MustParseAddr(from)}, Sender: message.Sender{Path: "ann@example.org"}, Recipients: []string{"all@lists.example"}}
		_, res, err := checker.Play(t.Context(), e, header, m, false)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	before, after := play(end.Add(-time.Minute), "10.0.0.9"), play(end.Add(time.Minute), "10.0.0.9")
	v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(before)
	if len(v.Insert) == 0 || !v.Insert[0].Is("DKIM-Signature") || strings.Contains(v.Insert[0].Raw, "cc:") {
		t.Errorf("before: %+v, %v", before.Signing, v.Insert)
	}
	if s := after.Signing; s == nil || s.Reason != sign.NotOriginating {
		t.Errorf("after: %+v", s)
	}
	seal := sign.SealOptions{Networks: until("10.1.0.0/16", addrlist.Addresses), Recipients: until("sent.example", addrlist.Names)}
	client := message.Client{IP: netip.MustParseAddr("10.1.0.9")}
	for at, want := range map[time.Time]bool{end.Add(-time.Minute): true, end.Add(time.Minute): false} {
		o := seal.At(at)
		if o.HandsOn(client, message.Sender{}) != want || o.Forwards([]string{"a@sent.example"}) != want {
			t.Errorf("sealing at %s: want %v", at, want)
		}
	}
	for at, want := range map[time.Time]string{end.Add(-time.Minute): result.ExemptForwarded, end.Add(time.Minute): ""} {
		if got := play(at, "10.1.0.9").Exempt; got != want {
			t.Errorf("a client of seal.networks at %s: exempt %q, want %q", at, got, want)
		}
	}
}
