package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/postvet/postvet/policy/dmarc"
)

// trustingRules are rules of administrators who believe the attacker of the
// injection tests, each in another respect, or ask him for more than DMARC.
func trustingRules(t *testing.T) []rules.Rules {
	t.Helper()
	theirs := members(t, "attacker.example .attacker.example dkim:attacker.example dkim:.attacker.example")
	return []rules.Rules{
		{Trust: rules.Trust{Forwarders: theirs}, Mode: rules.Monitor},
		{Trust: rules.Trust{Sealers: theirs}},
		{Trust: rules.Trust{MailingLists: rules.ListsAccept}},
		{Trust: rules.Trust{MailingLists: rules.ListsQuarantine}, Quarantine: rules.QuarantineTag},
		{Trust: rules.Trust{Authors: map[string]dmarc.Policy{"attacker.example": dmarc.PolicyNone}}},
		{Trust: rules.Trust{Authors: map[string]dmarc.Policy{"attacker.example": dmarc.PolicyQuarantine}}, Quarantine: rules.QuarantineTag},
		{Local: rules.Local{SPFFail: rules.OnReject, SPFSoftfail: rules.OnReject, SPFPermError: rules.OnReject}},
		{Local: rules.Local{OwnDomains: theirs, OnOwnDomain: rules.OnReject, SigningDomains: theirs, OnUnsigned: rules.OnReject}},
	}
}

// checkOverrides: what an override rests on is one bounded line of printable
// ASCII, though strangers wrote it, and it is told by whom it was decided.
func checkOverrides(t *testing.T, v result.Verdict) {
	t.Helper()
	for _, o := range append(append([]result.Override{}, v.Overrides...), v.Refused...) {
		if o.Reason == "" || o.By == "" || len(o.Text) > 700 || strings.ContainsFunc(o.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("override %+q", o)
		}
	}
}
