package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// trustingRules are rules of administrators who believe the attacker of the
// injection tests, each in another respect, or ask him for more than DMARC.
func trustingRules(t *testing.T) []rules.Rules {
	t.Helper()
	theirs := members(t, "attacker.example .attacker.example dkim:attacker.example dkim:.attacker.example")
	return []rules.Rules{
		{Trust: rules.Trust{Forwarders: theirs}, Mode: rules.Monitor},
		{Trust: rules.Trust{Sealers: theirs}},
		{Trust: rules.Trust{MailingLists: rules.MailingListsAccept}},
		{Trust: rules.Trust{MailingLists: rules.MailingListsQuarantine}, Quarantine: rules.QuarantineTag},
		{Trust: rules.Trust{Authors: map[string]rules.AuthorOverride{"attacker.example": {Policy: dmarc.PolicyNone}}}},
		{Trust: rules.Trust{Authors: map[string]rules.AuthorOverride{"attacker.example": {Policy: dmarc.PolicyQuarantine}}}, Quarantine: rules.QuarantineTag},
		{Local: rules.Local{SPFFail: rules.DemandReject, SPFSoftfail: rules.DemandReject, SPFPermError: rules.DemandReject}},
		{Local: rules.Local{OwnDomains: theirs, OnOwnDomain: rules.DemandReject, SigningDomains: theirs, OnUnsigned: rules.DemandReject}},
	}
}

// checkOverrides checks that the text of an override is one bounded line of
// printable ASCII, though strangers wrote it, and that the override names what
// decided it.
func checkOverrides(t *testing.T, v result.Verdict) {
	t.Helper()
	for _, o := range append(append([]result.Override{}, v.Overrides...), v.Refused...) {
		if o.Reason == "" || o.By == "" || len(o.Text) > 700 || strings.ContainsFunc(o.Text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("override %+q", o)
		}
	}
}
