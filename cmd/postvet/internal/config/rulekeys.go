package config

import (
	"slices"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spelling"
)

// actions are the actions that a rule may name.
var actions = []string{"accept", "quarantine", "reject", "tempfail", "discard", "redirect"}

// reasons are the words of RFC 9990 section 3.1.1.9, with those of RFC 7489.
var reasons = []string{
	string(result.ReasonLocalPolicy), string(result.ReasonTrustedForwarder), string(result.ReasonMailingList),
	string(result.ReasonForwarded), string(result.ReasonSampledOut), string(result.ReasonOther),
}

// RuleKey describes a key of a rule that is no condition.
type RuleKey struct{ Name, Text string }

// ruleKeys are all such keys in the order of the manual.
var ruleKeys = []RuleKey{
	{"name", "required; letters a to z, digits and hyphens, each name once"},
	{"comment", "why there is this rule; shown where it overrides a domain's policy"},
	{"if", "an expression, such as 'dmarc == \"fail\" and not list'"},
	{"action", "accept, quarantine, reject, tempfail, discard or redirect; without one the rule only edits, and the next is asked"},
	{"quarantine", "hold (the default), tag, or an address that gets the message"},
	{"redirect", "the address that gets the message instead of its recipients"},
	{"code", "reply and enhanced code for reject and tempfail, such as \"550 5.7.1\""},
	{"text", "the reply's text, or the reason of a quarantine"},
	{"reason", "what reports call an override: local_policy (the default), trusted_forwarder, mailing_list, forwarded, sampled_out or other"},
	{"outbound", "true for a rule about mail of your users alone, by [sign]; it is asked although such mail is not checked, and no other mail meets it"},
	{"sign", "needs outbound: the selector of the key that signs, which then signs nothing else, or none to leave the mail unsigned"},
	{"add_header", "fields to put on top, such as [\"X-Policy: {rule}\"]"},
	{"remove_header", "names of fields to take out, all of each name"},
	{untilKey, "the last day on which the rule is asked, such as 2026-12-31, in the machine's time zone, or a date and time; never in quotes"},
	{"mode", "enforce (the default), or monitor: the match is only noted"},
}

// RuleKeys returns the keys of a rule that are no conditions.
func RuleKeys() []RuleKey { return slices.Clone(ruleKeys) }

func suggestRuleKey(key string) string {
	var names []string
	for _, k := range ruleKeys {
		names = append(names, k.Name)
	}
	for _, k := range condition.Keys() {
		names = append(names, k.Name)
	}
	if near := spelling.Nearest(key, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "\"postvet policy explain --keys\" prints every key"
}
