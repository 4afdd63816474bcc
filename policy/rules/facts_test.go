package rules_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// The facts that take more than a copy.
func TestFacts(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyReject)
	res.MailFrom = "Ann@EVIL.example"
	res.Recipients = []string{"Bob@Here.Example", "eve@here.example", "postmaster", `"a b"@there.example`, `"ceo"@there.example`, `".ceo"@there.example`}
	res.DKIM = []dkim.Result{
		{Domain: "a.example", Status: dkim.Fail},
		{Domain: "b.example", Status: dkim.TempError},
		{Domain: "c.example", Status: dkim.Pass, Partial: true},
	}
	res.PartialBody = dkim.Policy
	res.Header = fields("Subject: x", "List-Id: Talk <Talk.lists.example.ORG>", "List-Post: <mailto:x@y>")
	res.DNS.Failed, res.DNS.Degraded = 1, true
	res.List = message.ListMarks(res.Header)
	res.Client.Listener, res.Client.Socket, res.Client.Relay = "smtp", "inet:127.0.0.1:8890", "192.0.2.5"
	for _, source := range []string{
		`listener == "smtp" and socket == "inet:127.0.0.1:8890" and within(relay, "192.0.2.0/24")`,
		`mail_from == "Ann@evil.example" and mail_from_domain == "evil.example" and not null_sender`,
		`rcpts == ["Bob@here.example", "eve@here.example", "postmaster", "\"a b\"@there.example", "ceo@there.example", "\".ceo\"@there.example"]`,
		`rcpt_domains == ["here.example", "there.example"]`,
		`dkim == "temperror" and len(signers) == 0 and signatures[2].result == "policy"`,
		`list and list_id == "talk.lists.example.org"`,
		`degraded and dns_failed == 1`,
		`spf == "pass" and spf_domain == "evil.example" and spf_mailfrom == "pass" and spf_helo == ""`,
		`dmarc == "fail" and arc == "none" and dmarc_policy == "reject" and dmarc_disposition == "reject"`,
	} {
		v := rules.Rules{Custom: []rules.Rule{{Name: "x", If: compile(t, source), Action: result.Discard}}}.Decide(res)
		if v.Rule != "x" {
			t.Errorf("%s does not hold: %q", source, v.Faults)
		}
	}
}

// An address that is too long for a condition loses a part of the local part, never the
// domain: behind a cut a sender's own words would stand at the end.
func TestFactsKeepDomains(t *testing.T) {
	t.Parallel()
	const trusted = "@bank.example"
	local := `"` + strings.Repeat("a", condition.MaxText-1-len(trusted)) + trusted + strings.Repeat("b", 100) + `"`
	for _, address := range []string{local + "@evil.example", local + "@EVIL.example", local + "@[192.0.2.1]", local + "@" + strings.Repeat("e", 600)} {
		res := spoof(dmarc.PolicyReject)
		res.MailFrom, res.Recipients = address, []string{address}
		res.DKIM = []dkim.Result{{Domain: "evil.example", Status: dkim.Pass, Identity: address}}
		for name, rule := range map[string]rules.Rule{
			"mail_from":  {If: compile(t, `mail_from endsWith "@bank.example"`)},
			"rcpts":      {If: compile(t, `any(rcpts, # endsWith "@bank.example")`)},
			"signatures": {If: compile(t, `any(signatures, .identity endsWith "@bank.example")`)},
			"plain":      {Tests: []*condition.Test{test(t, "mail_from", "bank.example")}},
			"plain, to":  {Tests: []*condition.Test{test(t, "to", "bank.example")}},
		} {
			rule.Name, rule.Action = "trusts", result.Accept
			if v := (rules.Rules{Custom: []rules.Rule{rule}}).Decide(res); v.Rule == "trusts" {
				t.Errorf("%s holds for ...%s", name, address[len(address)-20:])
			}
		}
	}
}
