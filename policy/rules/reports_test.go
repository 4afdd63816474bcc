package rules_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func reportsRules() rules.Rules {
	return rules.Rules{Reports: rules.Reports{
		Inbox: addrlist.NewMailboxes("dmarc@own.example", "tls@own.example"), RequirePass: true,
		ConsumeBounces: true, IsBounce: func(to string) bool { return strings.HasPrefix(to, "bounce+valid") },
	}}
}

// RFC 9990 section 3.5: the mail of a report must pass DMARC.
func TestReportsMustPass(t *testing.T) {
	t.Parallel()
	const inbox = "DMARC@own.example"
	with := func(status dmarc.Status, to ...string) *result.Results {
		return &result.Results{
			Author: message.Author{Domain: "bank.example"}, MailFrom: "x@evil.example", Recipients: to,
			DMARC: dmarc.Result{Status: status, AuthorDomain: "bank.example", Policy: dmarc.PolicyNone, Disposition: dmarc.PolicyNone},
		}
	}
	asking := func(p dmarc.Policy) *result.Results {
		r := spoof(p)
		r.Recipients = []string{inbox}
		return r
	}
	never := reportsRules()
	never.Trust.Authors = map[string]rules.AuthorOverride{"bank.example": {Policy: dmarc.PolicyNone}}
	forwarded := reportsRules()
	forwarded.Trust.Forwarders = members(t, "192.0.2.66")
	lenient := reportsRules()
	lenient.Reports.RequirePass = false
	judge := reportsRules()
	judge.OnReject = rules.RejectJudge
	deferring := reportsRules()
	deferring.OnTempError = rules.TempErrorDefer
	monitor := reportsRules()
	monitor.Mode = rules.Monitor
	incomplete := with(dmarc.Fail, inbox)
	incomplete.RecipientsIncomplete = true
	for name, tt := range map[string]struct {
		rules   rules.Rules
		results *result.Results
		action  result.Action
		rule    string
	}{
		"fail":                        {reportsRules(), with(dmarc.Fail, inbox), result.Reject, result.RuleReportWithoutPass},
		"no policy":                   {reportsRules(), with(dmarc.None, inbox), result.Reject, result.RuleReportWithoutPass},
		"permerror":                   {reportsRules(), with(dmarc.PermError, inbox), result.Reject, result.RuleReportWithoutPass},
		"two addresses":               {reportsRules(), with(dmarc.Fail, inbox, "<tls@own.example>"), result.Reject, result.RuleReportWithoutPass},
		"p=quarantine":                {reportsRules(), asking(dmarc.PolicyQuarantine), result.Reject, result.RuleReportWithoutPass},
		"p=reject":                    {reportsRules(), asking(dmarc.PolicyReject), result.Reject, result.RuleDMARCReject},
		"pass":                        {reportsRules(), with(dmarc.Pass, inbox), result.Accept, result.RuleDMARCPass},
		"a DNS failure":               {reportsRules(), with(dmarc.TempError, inbox), result.Accept, result.RuleTempError},
		"a DNS failure, deferred":     {deferring, with(dmarc.TempError, inbox), result.TempFail, result.RuleTempError},
		"somebody else":               {reportsRules(), with(dmarc.Fail, "ann@own.example"), result.Accept, result.RuleDMARCNone},
		"somebody else too":           {reportsRules(), with(dmarc.Fail, inbox, "ann@own.example"), result.Accept, result.RuleDMARCNone},
		"recipients that are unknown": {reportsRules(), incomplete, result.Accept, result.RuleDMARCNone},
		"not asked":                   {lenient, with(dmarc.Fail, inbox), result.Accept, result.RuleDMARCNone},
		"an author never refused":     {never, with(dmarc.Fail, inbox), result.Accept, result.RuleDMARCNone},
		"a trusted forwarder":         {forwarded, asking(dmarc.PolicyReject), result.Accept, result.RuleTrustedForwarder},
		"monitor":                     {monitor, with(dmarc.Fail, inbox), result.Accept, result.RuleReportWithoutPass},
		"a judgement to hold it":      {judge, asking(dmarc.PolicyReject), result.Reject, result.RuleReportWithoutPass},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tt.rules.Decide(tt.results)
			if v.Action != tt.action || v.Rule != tt.rule {
				t.Errorf("%s by %s: %s %s", v.Action, v.Rule, v.Code, v.Text)
			}
			if v.Rule == result.RuleReportWithoutPass && v.Action == result.Reject && (v.Code != "550 5.7.1" || v.Text != "DMARC reports must pass DMARC, RFC 9990 3.5.2" || len(v.Why) == 0) {
				t.Errorf("reply %s %s, why %q", v.Code, v.Text, v.Why)
			}
		})
	}
}

func TestBouncesOfReportsAreDropped(t *testing.T) {
	t.Parallel()
	bounce := func(to ...string) *result.Results { return &result.Results{Recipients: to} }
	sent := bounce("bounce+valid@r.example")
	sent.MailFrom = "x@evil.example"
	local := bounce("bounce+valid@r.example")
	local.Exempt = result.ExemptLocal
	unknown := bounce("bounce+valid@r.example")
	unknown.MailFromUnknown = true
	deliver := reportsRules()
	deliver.Reports.ConsumeBounces = false
	none := reportsRules()
	none.Reports.IsBounce = nil
	monitor := reportsRules()
	monitor.Mode = rules.Monitor
	for name, tt := range map[string]struct {
		rules   rules.Rules
		results *result.Results
		dropped bool
	}{
		"valid":               {reportsRules(), bounce("bounce+valid@r.example"), true},
		"of our own MTA":      {reportsRules(), local, true},
		"two":                 {reportsRules(), bounce("bounce+valid@r.example", "bounce+valid2@r.example"), true},
		"invalid":             {reportsRules(), bounce("bounce+forged@r.example"), false},
		"somebody else too":   {reportsRules(), bounce("bounce+valid@r.example", "ann@r.example"), false},
		"no recipient":        {reportsRules(), bounce(), false},
		"no null sender":      {reportsRules(), sent, false},
		"unknown sender":      {reportsRules(), unknown, false},
		"to be delivered":     {deliver, bounce("bounce+valid@r.example"), false},
		"nothing was sent":    {none, bounce("bounce+valid@r.example"), false},
		"mail only monitored": {monitor, bounce("bounce+valid@r.example"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tt.rules.Decide(tt.results)
			if got := v.Action == result.Discard; got != tt.dropped || got != (v.Rule == result.RuleReportBounce && v.Action == v.Intended) {
				t.Errorf("%s by %s", v.Action, v.Rule)
			}
		})
	}
}

// Of a stored message the local parts may not be known.
func TestStoredReportIsInDoubt(t *testing.T) {
	t.Parallel()
	for to, doubtful := range map[string]bool{"@own.example": true, "@other.example": false} {
		res := spoof(dmarc.PolicyNone)
		res.Recipients = []string{to}
		v, doubts, certain := reportsRules().ReplayStored(nil, res, rules.LacksRcpts)
		if v.Action != result.Accept || certain == doubtful || doubtful != (len(doubts) == 1 && doubts[0].Key == "report.require_pass") {
			t.Errorf("%s: %s, certain %v, doubts %v", to, v.Action, certain, doubts)
		}
	}
}
