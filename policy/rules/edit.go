package rules

import (
	"cmp"
	"slices"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// tag delivers a message with QuarantineField instead of holding it.
func (r *Rules) tag(d *decision) {
	by := r.tagKey(d.custom.rule)
	if by == "" {
		return
	}
	d.tagged, d.verdict.Action = true, result.Accept
	d.verdict.Overrides = append(d.verdict.Overrides, result.Override{Reason: result.ReasonLocalPolicy, By: by, Text: result.TagText})
}

// tagKey returns the key, the administrator's rule or the MTA that makes a message be
// tagged, "" if it is to be held.
func (r *Rules) tagKey(rule *Rule) string {
	switch {
	case rule == nil && r.Quarantine == QuarantineTag:
		return "policy.quarantine"
	case rule != nil && rule.Quarantine == QuarantineTag:
		return "rule " + rule.Name
	case r.NoHold:
		return cmp.Or(r.NoHoldKey, "MTA")
	}
	return ""
}

// edit sets the header edits of the verdict, which only a message that is delivered
// has.
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
	if s := d.results.Signing; s != nil {
		v.Change = s.Change
		v.Withdraw = s.Remove
		v.Append = s.Append
		v.Insert = append(v.Insert, s.Fields...)
	}
	if v.AuthenticationResults != "" {
		v.Insert = append(v.Insert, message.NewField(authres.FieldName, v.AuthenticationResults))
	}
}
