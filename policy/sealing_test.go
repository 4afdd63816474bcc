package policy_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// panickingKey is a key with a fault of ours in it.
type panickingKey struct{ crypto.Signer }

func (panickingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic("a fault") }

func listOf(t testing.TB, kind addrlist.Kind, entries ...string) *addrlist.List {
	t.Helper()
	l, err := addrlist.New(kind, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// arrive plays a message, and returns it as the verdict leaves it.
func arrive(t *testing.T, checker *policy.Checker, decide *rules.Rules, e message.Envelope, mail string) (*result.Results, result.Verdict, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := message.NewReader(strings.NewReader(mail))
	h, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := r.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	text := body.String()
	res, v, err := checker.PlayVerdict(ctx, e, h, &body, false, decide.Replay)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, f := range slices.Concat(v.Insert, v.Seal) {
		out = f.Raw + out
	}
	count := map[string]int{}
	for _, f := range h {
		count[strings.ToLower(f.Name)]++
		ref := result.FieldRef{Name: f.Name, Occurrence: count[strings.ToLower(f.Name)]}
		if slices.ContainsFunc(slices.Concat(v.Remove, v.Withdraw), func(r result.FieldRef) bool {
			return strings.EqualFold(r.Name, ref.Name) && r.Occurrence == ref.Occurrence
		}) {
			continue
		}
		raw := f.Raw
		for _, c := range v.Change {
			if c.Name == ref.Name && c.Occurrence == ref.Occurrence {
				raw = c.Field.Raw
			}
		}
		out += raw
	}
	for _, f := range v.Append {
		out += f.Raw
	}
	return res, v, out + "\r\n" + text
}

// The hosts of the tests of seals.
var (
	strangerHost = message.Client{IP: netip.MustParseAddr("203.0.113.7")}
	listHost     = message.Client{IP: netip.MustParseAddr("10.0.0.9")}
	relayHost    = message.Client{IP: netip.MustParseAddr("192.0.2.25")}
)

// sealZone has the keys of example.org and the records of an author.
func sealZone() string {
	return dnstest.TXT("new._domainkey.example.org", keyRecord(signingKeys()[0])) +
		dnstest.TXT("old._domainkey.example.org", keyRecord(signingKeys()[1])) +
		"$FAULT broken._domainkey.example.org TXT SERVFAIL\n" +
		"author.example. IN TXT \"v=spf1 ip4:203.0.113.7 -all\"\n" +
		"_dmarc.author.example. IN TXT \"v=DMARC1; p=reject\"\n"
}

// TestSealing has one row for each reason why a message is sealed or not. What is sealed
// has a chain that the next host finds valid, or that it is told has failed.
func TestSealing(t *testing.T) {
	t.Parallel()
	first, second := signingKeys()[0], signingKeys()[1]
	_, r := dnstest.Start(t, sealZone())
	const (
		plain    = "From: Joe <joe@author.example>\r\nTo: list@lists.example.org\r\nSubject: hello\r\n\r\nHi.\r\n"
		found    = "Authentication-Results: mx.example.org;\r\n\tdmarc=pass header.from=author.example; arc=none; spf=pass smtp.mailfrom=author.example\r\n"
		noChain  = "Authentication-Results: mx.example.org; dmarc=pass header.from=author.example\r\n"
		valid    = "Authentication-Results: mx.example.org; arc=pass\r\n"
		oldChain = "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AA==\r\nARC-Message-Signature: i=1; x\r\nARC-Authentication-Results: i=1; a.example; none\r\n"
	)
	list := message.Envelope{Client: listHost, Sender: message.Sender{Path: "list-bounces@lists.example.org"}, Recipients: []string{"bob@far.example"}}
	outside := message.Envelope{Client: strangerHost, Helo: "client.example", Sender: message.Sender{Path: "joe@author.example"}, Recipients: []string{"x@here.example", "list@lists.example.org"}}
	of := func(e message.Envelope, change func(*message.Envelope)) message.Envelope {
		change(&e)
		return e
	}
	keys := func(k ...policy.SigningKey) *keyring { return &keyring{keys: k} }
	good := keys(signingKey("new", first, false))
	tests := []struct {
		name     string
		keys     *keyring
		envelope message.Envelope
		mail     string
		want     string // "new i=1 cv=none", or the reason and its detail
		exempt   string
	}{
		{"arriving, to be forwarded", good, outside, plain, "new i=1 cv=none", ""},
		{"arriving, with a forged field of ours", good, outside, found + plain, "new i=1 cv=none", ""},
		{"arriving for others", good, of(outside, func(e *message.Envelope) { e.Recipients = []string{"x@here.example"} }), plain, "not-forwarded: no recipient is one whose mail is sent on, and the client is none that hands on mail", ""},
		{"arriving with a chain that fails", good, outside, oldChain + plain, "new i=2 cv=fail", ""},
		{"arriving with a chain that had failed", good, outside, strings.Replace(oldChain, "cv=none", "cv=fail", 1) + plain, "chain-failed: the chain had failed before", ""},
		{"arriving and refused", good, of(outside, func(e *message.Envelope) { e.Client.IP = netip.MustParseAddr("203.0.113.8") }), plain, "not-delivered: the message is not delivered: reject", ""},
		{"arriving from a user of ours", good, of(outside, func(e *message.Envelope) { e.Sender.User = "joe" }), plain, "no-results: the message is not checked: authenticated", result.ExemptAuthenticated},
		{"arriving with two authors", good, outside, "From: a@author.example\r\n" + plain, "author-ambiguous: the message has not exactly one From field", ""},
		{"arriving by a relay", good, of(outside, func(e *message.Envelope) { e.Client = relayHost }), "Received: from client.example (client.example [203.0.113.7]) by mx2.example.org (Postfix) with ESMTP id 1; Sat, 28 Nov 2026 12:00:00 +0000\r\n" + plain, "new i=1 cv=none", ""},
		{"too large", good, outside, plain + strings.Repeat("x", 5000), "oversize: the body is too large", ""},

		{"handed on by the list", good, list, found + plain, "new i=1 cv=none", result.ExemptForwarded},
		{"handed on, by a border that knows no chains", good, list, noChain + plain, "new i=1 cv=none", result.ExemptForwarded},
		{"handed on, with a field of another host", good, list, strings.Replace(found, "mx.example.org", "mx.evil.example", 1) + plain, "no-results: no Authentication-Results field of mx.example.org", result.ExemptForwarded},
		{"handed on, made by the list itself", good, list, plain, "no-results: no Authentication-Results field of mx.example.org", result.ExemptForwarded},
		{"handed on, results that cannot be read", good, list, "Authentication-Results: mx.example.org; dmarc=pass reason=\"\r\n" + plain, "results-unreadable: the results cannot be read: malformed field: a quoted string or comment without end", result.ExemptForwarded},
		{"handed on, its chain removed", good, list, valid + plain, "chain-changed: the chain is not the one that was verified: its fields were removed", result.ExemptForwarded},
		{"handed on, with a chain nobody verified", good, list, noChain + oldChain + plain, "chain-undecided: the chain was not verified", result.ExemptForwarded},
		{"handed on, temperror by another product", good, list, "Authentication-Results: mx.example.org; arc=temperror\r\n" + oldChain + plain, "chain-undecided: the chain was not verified", result.ExemptForwarded},
		{"handed on by a user who logged in", good, of(list, func(e *message.Envelope) { e.Sender.User = "list" }), found + plain, "not-forwarded: no recipient is one whose mail is sent on, and the client is none that hands on mail", result.ExemptAuthenticated},

		{"the newest key is not published yet", keys(signingKey("next", second, false), signingKey("old", second, false)), list, found + plain, "old i=1 cv=none", result.ExemptForwarded},
		{"no key is published", keys(signingKey("next", second, false)), list, found + plain, "key-unpublished: the DNS has no record at next._domainkey.example.org", result.ExemptForwarded},
		{"another key is published", keys(signingKey("new", second, false)), list, found + plain, "key-mismatch: the record at new._domainkey.example.org has another key", result.ExemptForwarded},
		{"a DNS failure, seen before", keys(signingKey("broken", first, true)), list, found + plain, "broken i=1 cv=none", result.ExemptForwarded},
		{"a DNS failure, never seen", keys(signingKey("broken", first, false)), list, found + plain, "key-unpublished: broken._domainkey.example.org could not be looked up: servfail", result.ExemptForwarded},
		{"no key", keys(), list, found + plain, "no-key: example.org has no RSA key", result.ExemptForwarded},
		{"a key that cannot be read", &keyring{err: errors.New("new.pem: damaged")}, list, found + plain, "key-unreadable: new.pem: damaged", result.ExemptForwarded},
		{"a key that fails", keys(signingKey("new", brokenKey{first}, true)), list, found + plain, "key-unreadable: dkim: signing: the token was removed", result.ExemptForwarded},
		{"a fault of ours", keys(signingKey("new", panickingKey{first}, true)), list, found + plain, "fault: a fault", result.ExemptForwarded},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checker := policy.NewChecker(policy.Options{
				Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Relays: listOf(t, addrlist.Addresses, "192.0.2.25"), MaxBodyBytes: 5000,
				Sealing: &policy.Sealing{
					Options: sign.SealOptions{Networks: listOf(t, addrlist.Addresses, "10.0.0.0/8", "192.0.2.25"), Recipients: listOf(t, addrlist.Names, "lists.example.org")},
					Domain:  "example.org", Keys: tt.keys,
				},
			})
			res, v, after := arrive(t, checker, &rules.Rules{AuthservID: "mx.example.org", OnAmbiguousAuthor: rules.AmbiguousAccept}, tt.envelope, tt.mail)
			if got := sealingText(res.Sealing); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			fault := strings.HasPrefix(tt.want, "fault")
			if res.Exempt != tt.exempt || (len(res.Faults) > 0) != fault {
				t.Errorf("exempt %q, want %q; faults %q", res.Exempt, tt.exempt, res.Faults)
			}
			if tt.exempt == result.ExemptForwarded && (v.Action != result.Accept || len(v.Remove) > 0 || len(v.Insert) > 0) {
				t.Errorf("verdict %s, removes %v, inserts %v", v.Action, v.Remove, v.Insert)
			}
			if res.Sealing.Reason != "" {
				if len(v.Seal) > 0 {
					t.Errorf("sealed all the same: %v", v.Seal)
				}
				return
			}
			if strings.HasPrefix(tt.want, "broken") {
				return
			}
			got := nextHost(t, r, after)
			want := arc.Pass
			if res.Sealing.Chain == arc.Fail {
				want = arc.Fail
			}
			if got.ARC.Status != want {
				t.Errorf("the next host finds arc=%s (%s), want %s\n%s", got.ARC.Status, got.ARC.Reason, want, after)
			}
			if want == arc.Pass {
				if rec := got.ARC.Sealers[len(got.ARC.Sealers)-1].Recorded; rec.DMARC != "pass" || rec.From != "author.example" {
					t.Errorf("it reads %+v", rec)
				}
			}
		})
	}
}

// sealingText returns a result in one line.
func sealingText(s *result.Sealing) string {
	switch {
	case s == nil:
		return "nothing"
	case s.Reason != "":
		return string(s.Reason) + ": " + s.Detail
	}
	return s.Selector + " i=" + string(rune('0'+s.Instance)) + " cv=" + string(s.Chain)
}
