package policy_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/rules"
)

// table has keys for single addresses.
type table map[message.Mailbox][]policy.SigningKey

func (t table) SigningKeys(_ context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	return t[address], nil
}

func (table) Published(policy.SigningKey) {}

// TestSigningKeySets: of each set one key signs, and a key may be that of one address, of
// a parent, or of another domain.
func TestSigningKeySets(t *testing.T) {
	t.Parallel()
	first, second := signingKeys()[0], signingKeys()[1]
	_, r := dnstest.Start(t, dnstest.TXT("a._domainkey.example.org", keyRecord(first))+
		dnstest.TXT("b._domainkey.example.net", keyRecord(second)))
	key := func(selector, domain string, set int) policy.SigningKey {
		k := signingKey(selector, first, false)
		if domain == "example.net" {
			k.Signer = second
		}
		k.Domain, k.Set = domain, set
		return k
	}
	ring := table{
		{Local: "ann", Domain: "example.org"}:     {key("none", "example.org", 0), key("a", "example.org", 0), key("b", "example.net", 1), key("none", "example.org", 2)},
		{Local: "ann", Domain: "sub.example.org"}: {key("a", "example.org", 0)},
		{Domain: "example.org"}:                   {key("a", "example.org", 0)},
		{Local: "ann", Domain: "third.example"}:   {key("b", "example.net", 0)},
		{Domain: "other.example"}:                 {key("b", "example.net", 0)},
	}
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{Keys: ring},
	})
	tests := []struct {
		name, login, author string
		want                []string // "domain/selector", or the reason
	}{
		{"two sets", "ann@example.org", "ann@example.org", []string{"example.org/a", "example.net/b"}},
		{"an address without a key of its own", "bob@example.org", "bob@example.org", []string{"no-key"}},
		{"below, any address of the parent", "bob@deep.sub.example.org", "bob@deep.sub.example.org", []string{"example.org/a"}},
		{"a table names the parent", "ann@sub.example.org", "ann@sub.example.org", []string{"example.org/a"}},
		{"and the parent's user may write", "ann@example.org", "ann@sub.example.org", []string{"example.org/a"}},
		{"a foreign domain signs", "ann@third.example", "ann@third.example", []string{"example.net/b"}},
		{"but joins nobody", "x@sub.other.example", "ann@third.example", []string{"login-mismatch"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mail := "From: " + tt.author + "\r\nSubject: hello\r\n\r\nHi.\r\n"
			res := converse(t, checker, golden{sender: message.Sender{Path: tt.login, User: tt.login}, message: []byte(mail)})
			s := res.Signing
			got := []string{string(s.Reason)}
			if s.Reason == "" {
				got = append([]string{s.Domain + "/" + s.Selector}, s.Also...)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			if s.Reason != "" {
				return
			}
			raw := ""
			for _, f := range (&rules.Rules{AuthservID: "mx.example.org"}).Decide(res).Insert {
				if f.Is("DKIM-Signature") {
					raw += f.Raw
				}
			}
			verified := converse(t, policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.net"}), golden{message: []byte(raw + mail)})
			if len(verified.DKIM) != len(tt.want) {
				t.Fatalf("%d signatures", len(verified.DKIM))
			}
			for _, v := range verified.DKIM {
				if v.Status != dkim.Pass {
					t.Errorf("%s/%s: %s", v.Domain, v.Selector, v.Status)
				}
			}
		})
	}
}
