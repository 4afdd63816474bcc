package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
)

// trustingRules are rules of administrators who believe the attacker of the
// injection tests, each in another respect, or ask him for more than DMARC.
func trustingRules(t *testing.T) []policy.Rules {
	t.Helper()
	theirs := members(t, "attacker.example .attacker.example dkim:attacker.example dkim:.attacker.example")
	return []policy.Rules{
		{Trust: policy.Trust{Forwarders: theirs}, Mode: policy.Monitor},
		{Trust: policy.Trust{Sealers: theirs}},
		{Trust: policy.Trust{MailingLists: policy.ListsAccept}},
		{Trust: policy.Trust{MailingLists: policy.ListsQuarantine}, Quarantine: policy.QuarantineTag},
		{Trust: policy.Trust{Authors: map[string]dmarc.Policy{"attacker.example": dmarc.PolicyNone}}},
		{Trust: policy.Trust{Authors: map[string]dmarc.Policy{"attacker.example": dmarc.PolicyQuarantine}}, Quarantine: policy.QuarantineTag},
		{Local: policy.Local{SPFFail: policy.OnReject, SPFSoftfail: policy.OnReject, SPFPermError: policy.OnReject}},
		{Local: policy.Local{OwnDomains: theirs, OnOwnDomain: policy.OnReject, SigningDomains: theirs, OnUnsigned: policy.OnReject}},
	}
}

// checkOverrides: what an override rests on is one bounded line of printable
// ASCII, though strangers wrote it, and it is told by whom it was decided.
func checkOverrides(t *testing.T, v policy.Verdict) {
	t.Helper()
	for _, o := range append(append([]policy.Override{}, v.Overrides...), v.Refused...) {
		if o.Reason == "" || o.By == "" || len(o.Text) > 700 || strings.ContainsFunc(o.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("override %+q", o)
		}
	}
}
