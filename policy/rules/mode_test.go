package rules_test

import (
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// A monitored message knows what the mode prevented. One that is delivered with a tag
// in place of a hold is not monitored.
func TestWould(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		set    rules.Rules
		policy dmarc.Policy
		want   result.Action
	}{
		{"reject", rules.Rules{Mode: rules.Monitor}, dmarc.PolicyReject, result.Reject},
		{"hold", rules.Rules{Mode: rules.Monitor}, dmarc.PolicyQuarantine, result.Quarantine},
		{"tag", rules.Rules{Mode: rules.Monitor, Quarantine: rules.QuarantineTag}, dmarc.PolicyQuarantine, result.Quarantine},
		{"nothing", rules.Rules{Mode: rules.Monitor}, dmarc.PolicyNone, ""},
		{"enforced", rules.Rules{}, dmarc.PolicyReject, ""},
		{"tag, enforced", rules.Rules{Quarantine: rules.QuarantineTag}, dmarc.PolicyQuarantine, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if v := tt.set.Decide(spoof(tt.policy)); v.Would() != tt.want {
				t.Errorf("%s, intended %s: would %q, want %q", v.Action, v.Intended, v.Would(), tt.want)
			}
		})
	}
}

// More recipients than are remembered: whether all are in the list is not known.
func TestMonitorRecipientsNeedsAllOfThem(t *testing.T) {
	t.Parallel()
	set := rules.Rules{Modes: rules.Modes{MonitorRecipients: members(t, "test.example")}}
	r := spoof(dmarc.PolicyReject)
	r.Recipients = []string{"a@test.example"}
	if v := set.Decide(r); v.Action != result.Accept {
		t.Errorf("all are in the list, and the action is %s", v.Action)
	}
	r.RecipientsIncomplete = true
	if v := set.Decide(r); v.Action != result.Reject {
		t.Errorf("not all are known, and the action is %s", v.Action)
	}
	r.Recipients, r.RecipientsIncomplete = nil, false
	if v := set.Decide(r); v.Action != result.Reject {
		t.Errorf("there are none, and the action is %s", v.Action)
	}
}
