package rules_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// spoof returns the results of a message that fails DMARC.
func spoof(disposition dmarc.Policy) *result.Results {
	return &result.Results{
		Author: message.Author{Domain: "bank.example"},
		SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "evil.example", Status: spf.Pass}},
		DMARC: dmarc.Result{
			Status: dmarc.Fail, AuthorDomain: "bank.example", Policy: disposition,
			Disposition: disposition,
		},
		MailFrom: "x@evil.example",
		Client:   result.ClientResult{IP: "192.0.2.66"},
	}
}

// undecided returns the results of a message whose DMARC evaluation a DNS
// failure cut short.
func undecided(known, suspected dmarc.Policy) *result.Results {
	return &result.Results{
		Author: message.Author{Domain: "bank.example"},
		DMARC:  dmarc.Result{Status: dmarc.TempError, AuthorDomain: "bank.example", Policy: known, Suspected: suspected},
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	with := func(r *result.Results, change func(*result.Results)) *result.Results { change(r); return r }
	for _, tt := range []struct {
		name     string
		rules    rules.Rules
		results  *result.Results
		action   result.Action
		intended result.Action
		code     string
		rule     string
	}{
		{"p=reject", rules.Rules{}, spoof(dmarc.PolicyReject), result.Reject, result.Reject, "550 5.7.26", result.RuleDMARCReject},
		{"p=quarantine holds by default", rules.Rules{}, spoof(dmarc.PolicyQuarantine), result.Quarantine, result.Quarantine, "", result.RuleDMARCQuarantine},
		{"p=quarantine tagged", rules.Rules{Quarantine: "tag"}, spoof(dmarc.PolicyQuarantine), result.Accept, result.Quarantine, "", result.RuleDMARCQuarantine},
		{"p=quarantine refused", rules.Rules{Quarantine: "reject"}, spoof(dmarc.PolicyQuarantine), result.Reject, result.Reject, "550 5.7.26", result.RuleDMARCQuarantine},
		{"p=none", rules.Rules{}, spoof(dmarc.PolicyNone), result.Accept, result.Accept, "", result.RuleDMARCNone},
		{"monitor", rules.Rules{Mode: rules.Monitor}, spoof(dmarc.PolicyReject), result.Accept, result.Reject, "", result.RuleDMARCReject},
		{
			"monitor does not defer either",
			rules.Rules{Mode: rules.Monitor, OnTempError: "tempfail"},
			&result.Results{Author: message.Author{Domain: "a.example"}, DMARC: dmarc.Result{Status: dmarc.TempError}},
			result.Accept, result.TempFail, "", result.RuleTempError,
		},
		{"temperror, policy unknown", rules.Rules{}, undecided("", ""), result.Accept, result.Accept, "", result.RuleTempError},
		{"temperror, p=none", rules.Rules{}, undecided(dmarc.PolicyNone, ""), result.Accept, result.Accept, "", result.RuleTempError},
		{"temperror, p=reject is known", rules.Rules{}, undecided(dmarc.PolicyReject, ""), result.TempFail, result.TempFail, "451 4.4.3", result.RuleTempError},
		{"temperror, p=quarantine is known", rules.Rules{}, undecided(dmarc.PolicyQuarantine, ""), result.TempFail, result.TempFail, "451 4.4.3", result.RuleTempError},
		{"temperror below sp=reject", rules.Rules{}, undecided("", dmarc.PolicyReject), result.TempFail, result.TempFail, "451 4.4.3", result.RuleTempError},
		{
			"more claims than we can remove, even in monitor mode",
			rules.Rules{Mode: rules.Monitor},
			&result.Results{ClaimsIncomplete: true, Exempt: result.ExemptAuthenticated},
			result.TempFail, result.TempFail, "451 4.3.0", result.RuleUnreadable,
		},
		{
			"our own failure defers",
			rules.Rules{},
			with(spoof(dmarc.PolicyReject), func(r *result.Results) { r.Faults = []string{"dkim: x"} }),
			result.TempFail, result.TempFail, "451 4.3.0", result.RuleFault,
		},
		{
			"our own failure accepted by choice",
			rules.Rules{OnFault: "accept"},
			with(spoof(dmarc.PolicyNone), func(r *result.Results) { r.Faults = []string{"dkim: x"} }),
			result.Accept, result.Accept, "", result.RuleDMARCNone,
		},
		{
			"a key that cannot be read defers",
			rules.Rules{},
			&result.Results{Signing: &result.Signing{KeyFault: true}, Exempt: result.ExemptAuthenticated},
			result.TempFail, result.TempFail, "451 4.3.0", result.RuleKeyError,
		},
		{
			"a key that cannot be read, unsigned by choice",
			rules.Rules{OnKeyError: rules.KeyErrorUnsigned},
			&result.Results{Signing: &result.Signing{KeyFault: true}, Exempt: result.ExemptAuthenticated},
			result.Accept, result.Accept, "", result.RuleExempt,
		},
		{
			"no key is no fault",
			rules.Rules{},
			&result.Results{Signing: &result.Signing{}, Exempt: result.ExemptAuthenticated},
			result.Accept, result.Accept, "", result.RuleExempt,
		},
		{
			"exempt comes before all",
			rules.Rules{},
			with(spoof(dmarc.PolicyReject), func(r *result.Results) { r.Exempt = result.ExemptAuthenticated }),
			result.Accept, result.Accept, "", result.RuleExempt,
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
	v := rules.Rules{}.Decide(r)
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
	got := rules.Rules{}.Decide(r).Text
	want := "DMARC: bank.example asks to refuse mail that does not prove to be its own; " +
		"SPF passed, but for evil.example; DKIM fail for bank.example (the body was changed)"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := spoof(dmarc.PolicyReject)
	set := rules.Rules{AuthservID: "mx.test.example"}
	b.ReportAllocs()
	for b.Loop() {
		set.Decide(r)
	}
}
