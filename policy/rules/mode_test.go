package rules_test

import (
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

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
