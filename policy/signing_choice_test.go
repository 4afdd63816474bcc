package policy_test

import (
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// TestSigningByRule: rules for mail of our users choose the key, leave mail unsigned and
// refuse it, although such mail is not checked. Other mail does not meet them, and a key
// that a rule names signs nothing else.
func TestSigningByRule(t *testing.T) {
	t.Parallel()
	first, second := signingKeys()[0], signingKeys()[1]
	_, r := dnstest.Start(t, dnstest.TXT("new._domainkey.example.org", keyRecord(first))+dnstest.TXT("old._domainkey.example.org", keyRecord(second)))
	rule := func(name, source string, change func(*rules.Rule)) rules.Rule {
		c, err := condition.Compile(source, condition.Options{})
		if err != nil {
			t.Fatal(err)
		}
		own := rules.Rule{Name: name, If: c, Outbound: true}
		change(&own)
		return own
	}
	custom := []rules.Rule{
		rule("watched", `user startsWith "web"`, func(r *rules.Rule) { r.Sign, r.Monitor = rules.SignNone, true }),
		rule("trial", `user == "trial@example.org"`, func(r *rules.Rule) { r.Sign = "new" }),
		rule("lost", `user == "lost@example.org"`, func(r *rules.Rule) { r.Sign = "none-such" }),
		rule("private", `user == "hidden@example.org" or size > 900`, func(r *rules.Rule) { r.Sign = rules.SignNone }),
		rule("stolen", `user == "stolen@example.org"`, func(r *rules.Rule) { r.Action = result.Reject }),
		rule("many", `len(rcpts) > 1 and user != ""`, func(r *rules.Rule) { r.Action = result.TempFail }),
		rule("all", `true`, func(r *rules.Rule) { r.Sign, r.Monitor = rules.SignNone, true }),
	}
	decide := &rules.Rules{AuthservID: "mx.example.org", Custom: custom}
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", first, true), signingKey("old", second, true)}}
	options := policy.Options{Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{
		Keys: ring, Choose: decide.SigningChoice, Reserved: decide.ReservedSelectors(),
	}}
	checker := policy.NewChecker(options)
	const mail = "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nHi.\r\n"
	for _, tt := range []struct {
		user   string
		rcpts  int
		want   string
		action result.Action
		rule   string
	}{
		{"ann@example.org", 1, "old", result.Accept, result.RuleExempt},
		{"trial@example.org", 1, "new", result.Accept, result.RuleExempt},
		{"lost@example.org", 1, "no-key: rule lost: example.org has no key none-such", result.Accept, result.RuleExempt},
		{"hidden@example.org", 1, "rule: rule private", result.Accept, result.RuleExempt},
		{"web1@example.org", 1, "old", result.Accept, result.RuleExempt},
		{"stolen@example.org", 1, "old", result.Reject, "stolen"},
		{"ann@example.org", 2, "old", result.TempFail, "many"},
		{"", 2, "not-originating: the client neither logged in nor came by a socket, daemon or network of our users", result.Accept, result.RuleNoPolicy},
	} {
		e := message.Envelope{Client: strangerHost, Sender: message.Sender{Path: "ann@example.org", User: tt.user}, Recipients: []string{"a@example.net", "b@example.net"}[:tt.rcpts]}
		res, v, after := arrive(t, checker, decide, e, mail)
		got := res.Signing.Selector
		if res.Signing.Reason != "" {
			got = string(res.Signing.Reason) + ": " + res.Signing.Detail
		}
		if got != tt.want || v.Action != tt.action || v.Rule != tt.rule || len(res.Faults) > 0 || len(v.Faults) > 0 {
			t.Errorf("user %q, %d recipients: %s, %s by %s (faults %q %q)\nwant %s, %s by %s", tt.user, tt.rcpts, got, v.Action, v.Rule, res.Faults, v.Faults, tt.want, tt.action, tt.rule)
		}
		if tt.action == result.Accept && tt.user != "" && res.Signing.Reason == "" {
			if next := nextHost(t, r, after); len(next.DKIM) != 1 || next.DKIM[0].Status != "pass" || next.DKIM[0].Selector != tt.want {
				t.Errorf("user %q: the next host finds %v", tt.user, next.DKIM)
			}
		}
	}
	// With the one key for rules, the others get none.
	ring.keys = ring.keys[:1]
	res, _, _ := arrive(t, checker, decide, message.Envelope{Client: strangerHost, Sender: message.Sender{Path: "ann@example.org", User: "ann@example.org"}}, mail)
	if s := res.Signing; s.Reason != "no-key" || s.Detail != "all keys of example.org are for rules" {
		t.Errorf("%+v", s)
	}
}
