package rules

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
)

// storedResults are those of a message that passes DMARC, as a journal has them.
func storedResults() *result.Results {
	return &result.Results{
		Client: result.ClientResult{IP: "192.0.2.1"}, MailFrom: "?@example.net", Recipients: []string{"?@example.com"}, User: "?",
		DKIM:   []dkim.Result{{Domain: "example.org", Status: dkim.Pass, Identity: "@example.org"}},
		DMARC:  dmarc.Result{Status: dmarc.Pass, Policy: dmarc.PolicyReject},
		Author: message.Author{Domain: "example.org"},
	}
}

func testOf(t *testing.T, key string, entries ...string) *condition.Test {
	t.Helper()
	k, ok := condition.KeyNamed(key)
	if !ok {
		t.Fatal(key)
	}
	if k.Bool() {
		return condition.NewBool(k, entries[0] == "true")
	}
	test, problem, _ := condition.NewTest(k, entries, condition.Lists{})
	if problem != "" {
		t.Fatal(problem)
	}
	return test
}

func listOf(t *testing.T, entry string) *addrlist.List {
	t.Helper()
	l, err := addrlist.New(addrlist.Addresses|addrlist.Names, entry)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ifOf(t *testing.T, source string) *condition.Condition {
	t.Helper()
	c, err := condition.Compile(source, condition.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReplayStored shows which questions are in doubt if facts are missing, and when the
// action is certain nevertheless.
func TestReplayStored(t *testing.T) {
	t.Parallel()
	const all = LacksMailFrom | LacksRcpts | LacksUser | LacksIdentity | LacksSenderDomain
	reject := func(tests ...*condition.Test) Rule {
		return Rule{Name: "own", Action: result.Reject, Tests: tests}
	}
	when := func(source string) Rule { return Rule{Name: "own", Action: result.Reject, If: ifOf(t, source)} }
	for _, tc := range []struct {
		name    string
		rule    Rule
		lacks   Lacks
		facts   []string // of the doubt
		certain bool
		action  result.Action // if the action is certain
	}{
		{"whole message", reject(testOf(t, "mail_from", "ann@example.net")), 0, nil, true, result.Accept},
		{"mailbox in MAIL FROM", reject(testOf(t, "mail_from", "ann@example.net")), all, []string{"mail_from"}, false, ""},
		{"domain in MAIL FROM", reject(testOf(t, "mail_from", "example.net")), all, nil, true, result.Reject},
		{"domain and mailbox", reject(testOf(t, "mail_from", "example.net", "!ann@example.net")), all, []string{"mail_from"}, false, ""},
		{"recipient", reject(testOf(t, "to", "bob@example.com")), all, []string{"rcpts"}, false, ""},
		{"domain of a recipient", reject(testOf(t, "to", "example.com")), all, nil, true, result.Reject},
		{"some recipients are missing", reject(testOf(t, "to", "example.com")), LacksRcptDomains, []string{"rcpts"}, false, ""},
		{"another test fails", reject(testOf(t, "to", "bob@example.com"), testOf(t, "dmarc", "fail")), all, nil, true, result.Accept},
		{"another test holds", reject(testOf(t, "to", "bob@example.com"), testOf(t, "dmarc", "pass")), all, []string{"rcpts"}, false, ""},
		{"login", reject(testOf(t, "user", "ann")), all, []string{"user"}, false, ""},
		{"any login", reject(testOf(t, "authenticated", "true")), all, nil, true, result.Reject},
		{"condition on recipients", when(`any(rcpts, # startsWith "bob@")`), all, []string{"rcpts"}, false, ""},
		{"number of recipients", when(`len(rcpts) > 50`), all, []string{"rcpts"}, false, ""},
		{"domains of recipients", when(`"example.com" in rcpt_domains`), all, nil, true, result.Reject},
		{"domains of some recipients", when(`"example.net" in rcpt_domains`), LacksRcptDomains, []string{"rcpt_domains"}, false, ""},
		{"condition that fails anyhow", when(`dmarc == "fail" and mail_from != "ann@example.net"`), all, nil, true, result.Accept},
		{"condition that may hold", when(`dmarc in ["pass", "none"] and mail_from != "ann@example.net"`), all, []string{"mail_from"}, false, ""},
		{"comparison of the missing fact", when(`mail_from == "ann@example.net"`), all, []string{"mail_from"}, false, ""},
		{"identity", when(`any(signatures, .identity != "@example.org")`), all, []string{"signatures.identity"}, false, ""},
		{"signature", when(`any(signatures, .domain == "example.org")`), all, nil, true, result.Reject},
		{"only noted", Rule{Name: "own", Action: result.Reject, Monitor: true, If: ifOf(t, `len(rcpts) > 1`)}, all, nil, true, result.Accept},
		{"only edits", Rule{Name: "own", If: ifOf(t, `len(rcpts) > 1`), Add: []Addition{{Name: "X-Many"}}}, all, nil, true, result.Accept},
		{"accepts in either case", Rule{Name: "own", Action: result.Accept, If: ifOf(t, `len(rcpts) > 1`)}, all, []string{"rcpts"}, true, result.Accept},
	} {
		v, doubts, certain := Rules{Custom: []Rule{tc.rule}}.ReplayStored(nil, storedResults(), tc.lacks)
		var want []Doubt
		if tc.facts != nil {
			want = []Doubt{{Rule: "own", Facts: tc.facts}}
		}
		if d := cmp.Diff(want, doubts); d != "" || certain != tc.certain || certain && v.Action != tc.action {
			t.Errorf("%s: %s, certain %t, want %s, %t (-want +got):\n%s", tc.name, v.Action, certain, tc.action, tc.certain, d)
		}
	}
}

// TestReplayStoredSettings shows which settings are in doubt.
func TestReplayStoredSettings(t *testing.T) {
	t.Parallel()
	sender := []Doubt{{Key: "policy.sender_domain", Facts: []string{"sender_domain"}}}
	recipients := []Doubt{{Key: "policy.monitor_recipients", Facts: []string{"rcpt_domains"}}}
	set := listOf(t, "example.com")
	for _, tc := range []struct {
		name    string
		rules   Rules
		change  func(*result.Results)
		lacks   Lacks
		doubts  []Doubt
		certain bool
	}{
		{"off", Rules{}, nil, LacksSenderDomain, nil, true},
		{"not asked", Rules{SenderDomain: SenderDomainReject}, nil, LacksSenderDomain, sender, false},
		{"asked", Rules{SenderDomain: SenderDomainReject}, func(r *result.Results) {
			r.SenderDomains = []result.SenderDomain{{Identity: result.SenderAuthor, Result: mx.Result{Status: mx.NullMX}}}
		}, LacksSenderDomain, nil, true},
		{"author is never refused", Rules{SenderDomain: SenderDomainReject, Trust: Trust{Authors: map[string]AuthorOverride{"example.org": {Policy: dmarc.PolicyNone}}}}, nil, LacksSenderDomain, nil, true},
		{"forwarder is trusted", Rules{SenderDomain: SenderDomainReject, Trust: Trust{Forwarders: listOf(t, "192.0.2.1")}}, nil, LacksSenderDomain, nil, true},
		{"refused anyhow", Rules{SenderDomain: SenderDomainReject}, func(r *result.Results) {
			r.DMARC.Status, r.DMARC.Disposition = dmarc.Fail, dmarc.PolicyReject
		}, LacksSenderDomain, sender, true},
		{"accepted in any mode", Rules{Modes: Modes{MonitorRecipients: set}}, nil, LacksRcptDomains, nil, true},
		{"monitored perhaps", Rules{Modes: Modes{MonitorRecipients: set}}, func(r *result.Results) {
			r.DMARC.Status, r.DMARC.Disposition = dmarc.Fail, dmarc.PolicyReject
		}, LacksRcptDomains, recipients, false},
	} {
		res := storedResults()
		if tc.change != nil {
			tc.change(res)
		}
		_, doubts, certain := tc.rules.ReplayStored(nil, res, tc.lacks)
		if d := cmp.Diff(tc.doubts, doubts); d != "" || certain != tc.certain {
			t.Errorf("%s: certain %t, want %t (-want +got):\n%s", tc.name, certain, tc.certain, d)
		}
	}
}

// TestManyDoubts does not try every answer to many questions.
func TestManyDoubts(t *testing.T) {
	t.Parallel()
	var r Rules
	for i := range maxDoubts + 1 {
		r.Custom = append(r.Custom, Rule{Name: fmt.Sprint("r", i), Action: result.Accept, Tests: []*condition.Test{testOf(t, "to", "bob@example.com")}})
	}
	if _, doubts, certain := r.ReplayStored(nil, storedResults(), LacksRcpts); certain || len(doubts) != maxDoubts+1 {
		t.Errorf("certain %t, %d doubts", certain, len(doubts))
	}
	r.Custom = r.Custom[1:]
	if _, _, certain := r.ReplayStored(nil, storedResults(), LacksRcpts); !certain {
		t.Error("rules that all accept leave the action in doubt")
	}
}
