package policy_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

var signingKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	var list []*rsa.PrivateKey
	for range 2 {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			panic(err)
		}
		list = append(list, k)
	}
	return list
})

func keyRecord(k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// keyring has the keys of example.org, and what it was told of them.
type keyring struct {
	mu        sync.Mutex
	keys      []policy.SigningKey
	err       error
	published []string
}

func (k *keyring) SigningKeys(_ context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	if address.Domain != "example.org" {
		return nil, nil
	}
	return k.keys, k.err
}

func (k *keyring) Published(key policy.SigningKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.published = append(k.published, key.Selector)
}

func signingKey(selector string, s crypto.Signer, before bool) policy.SigningKey {
	return policy.SigningKey{Domain: "example.org", Selector: selector, Signer: s, ID: selector, WasPublished: before}
}

// brokenKey is a key whose operation fails.
type brokenKey struct{ *rsa.PrivateKey }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the token was removed")
}

func TestSigning(t *testing.T) {
	t.Parallel()
	first, second := signingKeys()[0], signingKeys()[1]
	zone := dnstest.TXT("new._domainkey.example.org", keyRecord(first)) +
		dnstest.TXT("old._domainkey.example.org", keyRecord(second)) +
		"revoked._domainkey.example.org. IN TXT \"v=DKIM1; p=\"\n" +
		"words._domainkey.example.org. IN TXT \"hello\"\n" +
		dnstest.TXT("two._domainkey.example.org", keyRecord(first)) +
		dnstest.TXT("two._domainkey.example.org", keyRecord(second)) +
		dnstest.TXT("sha1._domainkey.example.org", keyRecord(first)+"; h=sha1") +
		dnstest.TXT("other._domainkey.example.org", keyRecord(first)+"; s=other") +
		"$FAULT broken._domainkey.example.org TXT SERVFAIL\n"
	_, r := dnstest.Start(t, zone)
	own := func(mail, selector string, key crypto.Signer) string {
		return ownSignature(t, mail, selector, key) + mail
	}
	const ann = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nHi.\r\n"
	login := message.Sender{Path: "ann@example.org", User: "ann@example.org"}
	outside := message.Client{IP: netip.MustParseAddr("203.0.113.7")}
	tests := []struct {
		name   string
		keys   keyring
		client message.Client
		sender message.Sender
		mail   string
		want   string // "selector", or the reason and its detail
		exempt string
	}{
		{"published", keyring{keys: []policy.SigningKey{signingKey("new", first, false)}}, outside, login, ann, "new", result.ExemptAuthenticated},
		{"not yet published, the old one signs", keyring{keys: []policy.SigningKey{signingKey("next", first, false), signingKey("old", second, true)}}, outside, login, ann, "old", result.ExemptAuthenticated},
		{"not published", keyring{keys: []policy.SigningKey{signingKey("next", first, false)}}, outside, login, ann, "key-unpublished: the DNS has no record at next._domainkey.example.org", result.ExemptAuthenticated},
		{"published once, and removed", keyring{keys: []policy.SigningKey{signingKey("next", first, true)}}, outside, login, ann, "key-unpublished: the DNS has no record at next._domainkey.example.org", result.ExemptAuthenticated},
		{"a DNS failure, never seen", keyring{keys: []policy.SigningKey{signingKey("broken", first, false)}}, outside, login, ann, "key-unpublished: broken._domainkey.example.org could not be looked up: servfail", result.ExemptAuthenticated},
		{"a DNS failure, seen before", keyring{keys: []policy.SigningKey{signingKey("broken", first, true)}}, outside, login, ann, "broken", result.ExemptAuthenticated},
		{"another key", keyring{keys: []policy.SigningKey{signingKey("new", second, true)}}, outside, login, ann, "key-mismatch: the record at new._domainkey.example.org has another key", result.ExemptAuthenticated},
		{"revoked", keyring{keys: []policy.SigningKey{signingKey("revoked", first, true)}}, outside, login, ann, "key-mismatch: the key at revoked._domainkey.example.org is revoked", result.ExemptAuthenticated},
		{"no key in the record", keyring{keys: []policy.SigningKey{signingKey("words", first, true)}}, outside, login, ann, `key-mismatch: the record at words._domainkey.example.org is not a key: "hello" is not a tag: it has no equals sign`, result.ExemptAuthenticated},
		{"not for sha256", keyring{keys: []policy.SigningKey{signingKey("sha1", first, true)}}, outside, login, ann, `key-unpublished: the record at sha1._domainkey.example.org keeps the key from signing: the key does not allow sha256: h="sha1"`, result.ExemptAuthenticated},
		{"not for mail", keyring{keys: []policy.SigningKey{signingKey("other", first, true)}}, outside, login, ann, `key-unpublished: the record at other._domainkey.example.org keeps the key from signing: the key is not for mail: s="other"`, result.ExemptAuthenticated},
		{"two records", keyring{keys: []policy.SigningKey{signingKey("two", first, true)}}, outside, login, ann, "key-mismatch: two._domainkey.example.org has 2 records, and verifiers take any of them", result.ExemptAuthenticated},
		{"a broken file, an old key", keyring{keys: []policy.SigningKey{signingKey("old", second, true)}, err: errors.New("s3.pem: damaged")}, outside, login, ann, "old", result.ExemptAuthenticated},
		{"a broken file alone", keyring{err: errors.New("s3.pem: damaged")}, outside, login, ann, "key-unreadable: s3.pem: damaged", result.ExemptAuthenticated},
		{"two broken files", keyring{err: errors.Join(errors.New("s3.pem: damaged"), errors.New("s4.pem: empty"))}, outside, login, ann, "key-unreadable: s3.pem: damaged; s4.pem: empty", result.ExemptAuthenticated},
		{"a key that fails", keyring{keys: []policy.SigningKey{signingKey("new", brokenKey{first}, true)}}, outside, login, ann, "key-unreadable: dkim: signing: the token was removed", result.ExemptAuthenticated},
		{"nobody of ours", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, message.Sender{Path: "ann@example.org"}, ann, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users", ""},
		{"a relay that logs in", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, message.Client{IP: netip.MustParseAddr("192.0.2.25")}, login, ann, "none", ""},
		{"our network, not exempt", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, message.Client{IP: netip.MustParseAddr("10.0.0.9")}, message.Sender{Path: "ann@example.org"}, ann, "new", result.ExemptOriginating},
		{"our network, from outside before", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, message.Client{IP: netip.MustParseAddr("10.0.0.9")}, message.Sender{Path: "ann@example.org"}, "Received: from evil.example (evil.example [203.0.113.66]) by mx.example.org (Postfix) with ESMTP id 2; Sat, 28 Nov 2026 12:00:00 +0000\r\n" + ann, "relayed-through-us: it came from 203.0.113.66 before", ""},
		{"two authors", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, login, "From: eve@example.net\r\n" + ann, "author-ambiguous: 2 From fields", result.ExemptAuthenticated},
		{"a body that is too large", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, login, ann + strings.Repeat("x", 5000), "oversize: the body is too large", result.ExemptAuthenticated},
		{"signed by us, intact", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, login, own(ann, "new", first), "already-signed: a signature by a key of example.org verifies", result.ExemptAuthenticated},
		{"signed by us, intact, by the older key", keyring{keys: []policy.SigningKey{signingKey("new", first, true), signingKey("old", second, true)}}, outside, login, own(ann, "old", second), "already-signed: a signature by a key of example.org verifies", result.ExemptAuthenticated},
		{"signed by somebody in our name", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, login, own(ann, "other", second), "new", result.ExemptAuthenticated},
		{"another domain", keyring{keys: []policy.SigningKey{signingKey("new", first, true)}}, outside, login, strings.Replace(ann, "ann@example.org", "eve@example.net", 1), "no-key: there is no key for example.net", result.ExemptAuthenticated},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			networks, err := addrlist.New(addrlist.Addresses, "10.0.0.0/8")
			if err != nil {
				t.Fatal(err)
			}
			relays, err := addrlist.New(addrlist.Addresses, "192.0.2.25")
			if err != nil {
				t.Fatal(err)
			}
			checker := policy.NewChecker(policy.Options{
				Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Relays: relays, MaxBodyBytes: 5000,
				Signing: &policy.Signing{Options: sign.Options{Networks: networks, Local: true}, Keys: &tt.keys, Lifetime: time.Hour, MaxParallel: 1},
			})
			res := converse(t, checker, golden{client: tt.client, helo: "client.example", sender: tt.sender, message: []byte(tt.mail)})
			got := "none"
			if s := res.Signing; s != nil {
				if got = s.Selector; s.Reason != "" {
					got = string(s.Reason) + ": " + s.Detail
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if res.Exempt != tt.exempt || len(res.Faults) > 0 {
				t.Errorf("exempt %q, want %q; faults %q", res.Exempt, tt.exempt, res.Faults)
			}
			v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
			if res.Signing == nil || res.Signing.Reason != "" {
				for _, f := range v.Insert {
					if f.Is("DKIM-Signature") {
						t.Errorf("signed all the same: %s", f.Raw)
					}
				}
				return
			}
			if v.Action != result.Accept || len(v.Insert) == 0 || !v.Insert[0].Is("DKIM-Signature") {
				t.Fatalf("verdict %s with %v", v.Action, v.Insert)
			}
			if tt.want == "broken" {
				return
			}
			verified := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.net"})
			got2 := converse(t, verified, golden{client: outside, sender: message.Sender{Path: "x@example.com"}, message: []byte(v.Insert[0].Raw + tt.mail)})
			if len(got2.DKIM) == 0 || got2.DKIM[0].Status != dkim.Pass || got2.DKIM[0].Domain != "example.org" {
				t.Errorf("the signature verifies as %+v", got2.DKIM)
			}
			if len(tt.keys.published) != 1 {
				t.Errorf("published %q", tt.keys.published)
			}
		})
	}
}

// ownSignature returns a DKIM-Signature of a message for example.org.
func ownSignature(t *testing.T, mail, selector string, key crypto.Signer) string {
	t.Helper()
	r := message.NewReader(strings.NewReader(mail))
	h, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	var bodies dkim.Bodies
	s, err := dkim.NewSigner(dkim.NewHeaderIndex(h), &bodies, dkim.SignOptions{
		Domain: "example.org", Selector: selector, Key: key, HeaderForm: dkim.Relaxed, BodyForm: dkim.Relaxed, Time: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteTo(&bodies); err != nil {
		t.Fatal(err)
	}
	bodies.Close()
	f, err := s.Sign()
	if err != nil {
		t.Fatal(err)
	}
	return f.Raw
}

// TestSigningMendsTheHeader: long lines are folded, Date and Message-ID are added, a
// broken signature of our own is removed and a foreign one is kept. The message as the
// MTA then has it verifies.
func TestSigningMendsTheHeader(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", key, false)}}
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true},
		Signing: &policy.Signing{Keys: ring, AddMissing: true},
	})
	long := " <" + strings.Repeat("a", 500) + "@x.example> <" + strings.Repeat("b", 500) + "@x.example>"
	mail := "From: ann@example.org\r\nReferences:" + long + "\r\nX-Long:" + long + "\r\n\r\nHi.\r\n"
	broken := ownSignature(t, strings.Replace(mail, "Hi.", "Ho.", 1), "new", key)
	foreign := "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n"
	mail = foreign + broken + mail
	res := converse(t, checker, golden{sender: message.Sender{User: "ann@example.org"}, message: []byte(mail)})
	v := (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res)
	if d := cmp.Diff([]result.FieldRef{{Name: "DKIM-Signature", Occurrence: 2}}, v.Withdraw); d != "" {
		t.Errorf("removed (-want +got):\n%s", d)
	}
	if len(v.Change) != 1 || v.Change[0].Name != "References" || v.Change[0].Occurrence != 1 {
		t.Fatalf("changed %v", v.Change)
	}
	var inserted []string
	for _, f := range append(slices.Clone(v.Append), v.Insert...) {
		inserted = append(inserted, f.Name)
	}
	if d := cmp.Diff([]string{"Date", "Message-ID", "DKIM-Signature"}, inserted); d != "" {
		t.Fatalf("inserted (-want +got):\n%s", d)
	}
	after := strings.Replace(strings.Replace(mail, broken, "", 1), "References:"+long+"\r\n", v.Change[0].Field.Raw, 1)
	for _, f := range v.Append {
		after = strings.Replace(after, "\r\n\r\n", "\r\n"+f.Raw+"\r\n", 1)
	}
	for _, f := range v.Insert {
		after = f.Raw + after
	}
	got := converse(t, policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.net"}), golden{message: []byte(after)})
	if len(got.DKIM) != 2 || got.DKIM[0].Status != dkim.Pass || got.DKIM[0].Selector != "new" {
		t.Errorf("verifies as %+v\n%s", got.DKIM, after)
	}
	for _, name := range []string{"references", "date", "message-id"} {
		s, err := dkim.ParseSignature(v.Insert[0])
		if err != nil || !slices.Contains(s.SignedFields, name) {
			t.Errorf("%s is not signed, %v", name, err)
		}
	}
	for line := range strings.Lines(v.Change[0].Field.Raw) {
		if len(line) > 1000 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
}

// TestSigningInABurst signs from many connections at once, with room for one signature
// at a time. Each message gets its own, and a message whose client gives up gets none.
func TestSigningInABurst(t *testing.T) {
	t.Parallel()
	key := signingKeys()[0]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(key)))
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", key, false)}}
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true},
		Signing: &policy.Signing{Keys: ring, MaxParallel: 1},
	})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			mail := fmt.Sprintf("From: ann@example.org\r\nSubject: %d\r\n\r\n%d\r\n", i, i)
			res := converse(t, checker, golden{sender: message.Sender{User: "ann@example.org"}, message: []byte(mail)})
			if res.Signing == nil || len(res.Signing.Fields) != 1 {
				t.Errorf("message %d: %+v", i, res.Signing)
				return
			}
			header, body, _ := bytes.Cut([]byte(res.Signing.Fields[0].Raw+mail), []byte("\r\n\r\n"))
			h, err := message.NewReader(bytes.NewReader(append(header, "\r\n\r\n"...))).Header()
			if err != nil {
				t.Error(err)
				return
			}
			var bodies dkim.Bodies
			v := dkim.NewVerifier(h, &bodies, dkim.Options{})
			bodies.Write(body)
			bodies.Close()
			if got := v.Finish(v.LookupKeys(context.Background(), r)); got[0].Status != dkim.Pass {
				t.Errorf("message %d: %+v", i, got)
			}
		})
	}
	wg.Wait()
}
