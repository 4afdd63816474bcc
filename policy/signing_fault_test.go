package policy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// sources answer for some domains with an error.
type sources map[string]error

func (s sources) SigningKeys(_ context.Context, address message.Mailbox) ([]policy.SigningKey, error) {
	if err := s[address.Domain]; err != nil {
		return nil, err
	}
	if address.Domain == "example.org" {
		return []policy.SigningKey{signingKey("new", signingKeys()[0], false)}, nil
	}
	return nil, nil
}

func (sources) Published(policy.SigningKey) {}

// TestKeyFault: a message that would be signed is deferred while its keys cannot be read,
// and one that would not be is not.
func TestKeyFault(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(signingKeys()[0])))
	down := errors.New("sign.sql: connection refused")
	tests := []struct {
		name, login, author string
		source              sources
		reason              sign.Reason
		fault               bool
	}{
		{"signed", "ann@example.org", "ann@example.org", sources{"example.net": down}, "", false},
		{"the source is away", "ann@example.net", "ann@example.net", sources{"example.net": down}, sign.KeyUnreadable, true},
		{"it is away for the parent", "ann@a.example.net", "ann@a.example.net", sources{"example.net": down}, sign.KeyUnreadable, true},
		{"it is away for the login", "ann@example.net", "ann@example.org", sources{"example.net": down}, sign.KeyUnreadable, true},
		{"keys that must not sign", "ann@example.net", "ann@example.net", sources{"example.net": &policy.UnusableKeys{Why: errors.New("retired")}}, sign.KeyUnreadable, false},
		{"no key", "ann@example.com", "ann@example.com", sources{"example.net": down}, sign.NoKey, false},
		{"another's login", "ann@example.com", "ann@example.org", sources{"example.net": down}, sign.LoginMismatch, false},
		{"nobody of ours", "", "ann@example.net", sources{"example.net": down}, sign.NotOriginating, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checker := policy.NewChecker(policy.Options{
				Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{Keys: tt.source},
			})
			res := converse(t, checker, golden{sender: message.Sender{Path: tt.login, User: tt.login}, message: []byte("From: " + tt.author + "\r\n\r\nHi.\r\n")})
			if res.Signing.Reason != tt.reason || res.Signing.KeyFault != tt.fault {
				t.Fatalf("reason %q (%s), fault %v", res.Signing.Reason, res.Signing.Detail, res.Signing.KeyFault)
			}
			if v := (rules.Rules{}).Decide(res); (v.Rule == result.RuleKeyError) != tt.fault || (v.Action == result.TempFail) != tt.fault {
				t.Errorf("%s by %s", v.Action, v.Rule)
			}
			if v := (rules.Rules{OnKeyError: rules.KeyErrorUnsigned}).Decide(res); v.Rule == result.RuleKeyError {
				t.Errorf("%s by %s although unsigned mail may pass", v.Action, v.Rule)
			}
		})
	}
}
