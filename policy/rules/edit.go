package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// tag delivers a message that is to be held, with a mark.
func (r *Rules) tag(d *decision) {
	by := r.tagKey(d.custom.rule)
	if by == "" {
		return
	}
	d.tagged, d.verdict.Action = true, result.Accept
	d.verdict.Overrides = append(d.verdict.Overrides, result.Override{Reason: result.ReasonLocalPolicy, By: by, Text: string(QuarantineTag)})
}

// tagKey returns the reason for a tag: the configuration, the rule of the
// administrator's own that decided, or an MTA that cannot hold messages; "" for
// none.
func (r *Rules) tagKey(rule *Rule) string {
	switch {
	case rule == nil && r.Quarantine == QuarantineTag:
		return "policy.quarantine"
	case rule != nil && rule.Quarantine == QuarantineTag:
		return "rule " + rule.Name
	case r.NoHold:
		return "MTA"
	}
	return ""
}

// edit fills in how the header is edited. It is edited only if the message goes on.
func (r *Rules) edit(d *decision) {
	v := &d.verdict
	if v.Overrides == nil {
		v.Overrides = []result.Override{}
	}
	if v.Refused == nil {
		v.Refused = []result.Override{}
	}
	v.AuthenticationResults = r.authenticationResults(d.results, v)
	if !v.Action.Delivers() {
		return
	}
	v.Remove = slices.Clip(d.results.Claims)
	d.custom.edit(v, d.results)
	if d.tagged {
		v.Insert = append(v.Insert, message.NewField(result.QuarantineField, " "+v.Text))
	}
	if v.AuthenticationResults != "" {
		v.Insert = append(v.Insert, message.NewField(authres.FieldName, v.AuthenticationResults))
	}
}
