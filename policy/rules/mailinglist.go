package rules

import (
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// mailingList applies Trust.MailingLists to a failure that a mailing list seems to have
// caused. This is no proof: with one message of the author, anybody can forge the
// marks of a list and such a failure.
func (r *Rules) mailingList(d *decision) {
	res, want := d.results, r.action(stepMailingList)
	if want == "" || !res.List.Marked() {
		return
	}
	o := result.Override{Reason: result.ReasonMailingList, By: "policy.mailing_lists"}
	change := judgement.ListChange(res)
	if signer := judgement.HiddenListSigner(res); change == "" && signer != "" && d.verdict.Action == result.Reject {
		d.postpone(result.RuleTempError, explain.HiddenSignature(signer))
		return
	}
	if change == "" {
		o.Text = "it bears " + foreign.Line(res.List.String(), 120) + ", but neither a signature of the author's domain that a list broke nor one of the list"
		d.refuse(o)
		return
	}
	o.Text = foreign.Line(res.List.String(), 120) + "; " + change
	switch {
	case want == result.Accept:
		d.override(stepMailingList, o)
	case want == result.Quarantine && d.verdict.Action == result.Reject:
		d.decide(stepMailingList, result.Quarantine, d.verdict.Text)
		d.verdict.Overrides = append(d.verdict.Overrides, o)
	}
}
