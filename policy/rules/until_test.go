package rules_test

import (
	"testing"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// endOfYear is when the settings of the tests end.
var endOfYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

func endingList(t *testing.T, entry string) *addrlist.List {
	t.Helper()
	var b addrlist.Builder
	b.Until(endOfYear)
	if err := b.Add(entry, addrlist.Addresses|addrlist.Names|addrlist.Signers); err != nil {
		t.Fatal(err)
	}
	return b.List()
}

// TestUntil has a setting of each kind that ends. It decides about a message that arrives
// a second before its end, and not about one that arrives at its end.
func TestUntil(t *testing.T) {
	t.Parallel()
	rejected := func() *result.Results {
		return &result.Results{
			Client: result.ClientResult{IP: "192.0.2.1", PTR: "mx.example.net"}, IPRev: iprev.Result{Status: iprev.Pass, Name: "mx.example.net"},
			MailFrom: "a@example.net", Author: message.Author{Domain: "a.example"},
			SPF:        []spf.Result{{Identity: spf.MailFrom, Domain: "example.net", Status: spf.Pass}},
			Recipients: []string{"u@here.example"},
			DMARC:      dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyReject, Disposition: dmarc.PolicyReject},
		}
	}
	sealed := func() *result.Results {
		r := rejected()
		r.ARC = arc.Result{Status: arc.Pass, Instances: 1, Sealers: []arc.Sealer{{Domain: "list.example", Recorded: &arc.Recorded{DMARC: "pass", From: "a.example", DKIM: []string{}}}}}
		return r
	}
	accepted := func() *result.Results {
		r := rejected()
		r.DMARC = dmarc.Result{Status: dmarc.None}
		return r
	}
	for name, tc := range map[string]struct {
		rules         rules.Rules
		results       func() *result.Results
		before, after result.Action
		rule          string // before the end
	}{
		"a rule":                {rules.Rules{Custom: []rules.Rule{{Name: "own", Action: result.Accept, Until: endOfYear}}}, rejected, result.Accept, result.Reject, "own"},
		"a rule that edits":     {rules.Rules{Custom: []rules.Rule{{Name: "one", Action: result.TempFail, Until: endOfYear}, {Name: "two", Action: result.Accept}}}, rejected, result.TempFail, result.Accept, "one"},
		"an author":             {rules.Rules{Trust: rules.Trust{Authors: map[string]rules.AuthorOverride{"a.example": {Policy: dmarc.PolicyNone, Until: endOfYear}}}}, rejected, result.Accept, result.Reject, result.RuleAuthorOverride},
		"an author below":       {rules.Rules{Trust: rules.Trust{Authors: map[string]rules.AuthorOverride{"a.example": {Policy: dmarc.PolicyReject, Until: endOfYear}, "example": {Policy: dmarc.PolicyNone}}}}, accepted, result.Reject, result.Accept, result.RuleAuthorOverride},
		"a forwarder's address": {rules.Rules{Trust: rules.Trust{Forwarders: endingList(t, "192.0.2.0/24")}}, rejected, result.Accept, result.Reject, result.RuleTrustedForwarder},
		"a forwarder's name":    {rules.Rules{Trust: rules.Trust{Forwarders: endingList(t, ".example.net")}}, rejected, result.Accept, result.Reject, result.RuleTrustedForwarder},
		"a sealer":              {rules.Rules{Trust: rules.Trust{Sealers: endingList(t, "list.example")}}, sealed, result.Accept, result.Reject, result.RuleTrustedSealer},
		"a monitored author":    {rules.Rules{Modes: rules.Modes{MonitorDomains: endingList(t, "a.example")}}, rejected, result.Accept, result.Reject, result.RuleDMARCReject},
		"monitored recipients":  {rules.Rules{Modes: rules.Modes{MonitorRecipients: endingList(t, "here.example")}}, rejected, result.Accept, result.Reject, result.RuleDMARCReject},
		"an enforced author":    {rules.Rules{Mode: rules.Monitor, Modes: rules.Modes{EnforceDomains: endingList(t, "a.example")}}, rejected, result.Reject, result.Accept, result.RuleDMARCReject},
		"a domain of ours":      {rules.Rules{Local: rules.Local{OwnDomains: endingList(t, "a.example"), OnOwnDomain: rules.DemandReject}}, accepted, result.Reject, result.Accept, result.RuleOwnDomain},
		"a signing domain":      {rules.Rules{Local: rules.Local{SigningDomains: endingList(t, "a.example"), OnUnsigned: rules.DemandReject}}, accepted, result.Reject, result.Accept, result.RuleUnsigned},
	} {
		for when, want := range map[time.Duration]result.Action{-time.Second: tc.before, 0: tc.after} {
			res := tc.results()
			res.Arrived = endOfYear.Add(when)
			v := tc.rules.Decide(res)
			if v.Action != want || when < 0 && v.Rule != tc.rule {
				t.Errorf("%s, %v from the end: %s by %s, want %s", name, when, v.Action, v.Rule, want)
			}
		}
	}
}
