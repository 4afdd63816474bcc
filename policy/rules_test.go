package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// spoof returns the results of a message that fails DMARC.
func spoof(disposition dmarc.Policy) *policy.Results {
	return &policy.Results{
		Author: message.Author{Domain: "bank.example"},
		SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "evil.example", Status: spf.Pass}},
		DMARC: dmarc.Result{
			Status: dmarc.Fail, AuthorDomain: "bank.example", Policy: disposition,
			Disposition: disposition,
		},
		MailFrom: "x@evil.example",
		Client:   policy.ClientResult{IP: "192.0.2.66"},
	}
}

// undecided returns the results of a message whose DMARC evaluation DNS trouble
// cut short.
func undecided(known, suspected dmarc.Policy) *policy.Results {
	return &policy.Results{
		Author: message.Author{Domain: "bank.example"},
		DMARC:  dmarc.Result{Status: dmarc.TempError, AuthorDomain: "bank.example", Policy: known, Suspected: suspected},
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	with := func(r *policy.Results, change func(*policy.Results)) *policy.Results { change(r); return r }
	for _, tt := range []struct {
		name     string
		rules    policy.Rules
		results  *policy.Results
		action   policy.Action
		intended policy.Action
		code     string
		rule     string
	}{
		{"p=reject", policy.Rules{}, spoof(dmarc.PolicyReject), policy.Reject, policy.Reject, "550 5.7.26", policy.RuleDMARCReject},
		{"p=quarantine holds by default", policy.Rules{}, spoof(dmarc.PolicyQuarantine), policy.Quarantine, policy.Quarantine, "", policy.RuleDMARCQuarantine},
		{"p=quarantine tagged", policy.Rules{Quarantine: "tag"}, spoof(dmarc.PolicyQuarantine), policy.Accept, policy.Quarantine, "", policy.RuleDMARCQuarantine},
		{"p=quarantine refused", policy.Rules{Quarantine: "reject"}, spoof(dmarc.PolicyQuarantine), policy.Reject, policy.Reject, "550 5.7.26", policy.RuleDMARCQuarantine},
		{"p=none", policy.Rules{}, spoof(dmarc.PolicyNone), policy.Accept, policy.Accept, "", policy.RuleDMARCNone},
		{"monitor", policy.Rules{Mode: policy.Monitor}, spoof(dmarc.PolicyReject), policy.Accept, policy.Reject, "", policy.RuleDMARCReject},
		{
			"monitor does not defer either",
			policy.Rules{Mode: policy.Monitor, OnTempError: "tempfail"},
			&policy.Results{Author: message.Author{Domain: "a.example"}, DMARC: dmarc.Result{Status: dmarc.TempError}},
			policy.Accept, policy.TempFail, "", policy.RuleTempError,
		},
		{"temperror, policy unknown", policy.Rules{}, undecided("", ""), policy.Accept, policy.Accept, "", policy.RuleTempError},
		{"temperror, p=none", policy.Rules{}, undecided(dmarc.PolicyNone, ""), policy.Accept, policy.Accept, "", policy.RuleTempError},
		{"temperror, p=reject is known", policy.Rules{}, undecided(dmarc.PolicyReject, ""), policy.TempFail, policy.TempFail, "451 4.4.3", policy.RuleTempError},
		{"temperror, p=quarantine is known", policy.Rules{}, undecided(dmarc.PolicyQuarantine, ""), policy.TempFail, policy.TempFail, "451 4.4.3", policy.RuleTempError},
		{"temperror below sp=reject", policy.Rules{}, undecided("", dmarc.PolicyReject), policy.TempFail, policy.TempFail, "451 4.4.3", policy.RuleTempError},
		{
			"more claims than we can remove, even in monitor mode",
			policy.Rules{Mode: policy.Monitor},
			&policy.Results{ClaimsIncomplete: true, Exempt: policy.ExemptAuthenticated},
			policy.TempFail, policy.TempFail, "451 4.3.0", policy.RuleUnreadable,
		},
		{
			"our own failure defers",
			policy.Rules{},
			with(spoof(dmarc.PolicyReject), func(r *policy.Results) { r.Faults = []string{"dkim: x"} }),
			policy.TempFail, policy.TempFail, "451 4.3.0", policy.RuleFault,
		},
		{
			"our own failure accepted by choice",
			policy.Rules{OnFault: "accept"},
			with(spoof(dmarc.PolicyNone), func(r *policy.Results) { r.Faults = []string{"dkim: x"} }),
			policy.Accept, policy.Accept, "", policy.RuleDMARCNone,
		},
		{
			"exempt comes before all",
			policy.Rules{},
			with(spoof(dmarc.PolicyReject), func(r *policy.Results) { r.Exempt = policy.ExemptAuthenticated }),
			policy.Accept, policy.Accept, "", policy.RuleExempt,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := tt.rules.Decide(tt.results)
			if v.Action != tt.action || v.Intended != tt.intended || v.Code != tt.code || v.Rule != tt.rule {
				t.Errorf("got %s (intended %s) %q by %s, want %s (intended %s) %q by %s",
					v.Action, v.Intended, v.Code, v.Rule, tt.action, tt.intended, tt.code, tt.rule)
			}
		})
	}
}

// No text from outside, however long or strange, may leave the bounds of a reply.
func TestDecideReplyIsBounded(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("é\r\n550 5.0.0 x%\x00\"", 100)
	r := spoof(dmarc.PolicyReject)
	r.DMARC.AuthorDomain = hostile
	r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: hostile, Status: spf.Fail, Reason: hostile, Explanation: hostile}}
	r.DKIM = []dkim.Result{{Domain: hostile, Selector: hostile, Status: dkim.Fail, Reason: hostile}}
	r.Client.IP = hostile
	v := policy.Rules{}.Decide(r)
	if len(v.Text) == 0 || len(v.Text) > 450 {
		t.Errorf("text of %d octets", len(v.Text))
	}
	for i := range len(v.Text) {
		if c := v.Text[i]; c < ' ' || c > '~' {
			t.Fatalf("octet %#x in %q", c, v.Text)
		}
	}
}

// The reply names the author's domain and what failed.
func TestDecideReplySaysWhatFailed(t *testing.T) {
	t.Parallel()
	r := spoof(dmarc.PolicyReject)
	r.DKIM = []dkim.Result{
		{Domain: "esp.example", Status: dkim.Pass},
		{Domain: "bank.example", Status: dkim.Fail, Reason: "the body was changed"},
	}
	got := policy.Rules{}.Decide(r).Text
	want := "DMARC: bank.example asks to refuse mail that does not prove to be its own; " +
		"SPF passed, but for evil.example; DKIM fail for bank.example (the body was changed)"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := spoof(dmarc.PolicyReject)
	rules := policy.Rules{AuthservID: "mx.test.example"}
	b.ReportAllocs()
	for b.Loop() {
		rules.Decide(r)
	}
}
