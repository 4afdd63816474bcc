package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
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
	change := listChange(res)
	if signer := undecidedListSigner(res); change == "" && signer != "" && d.verdict.Action == result.Reject {
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

// undecidedListSigner returns the domain of a signature that a DNS failure hides, and
// that may be the list's or one that the list broke; "" if there is none.
func undecidedListSigner(res *result.Results) string {
	author := res.Author.Domain
	for _, d := range res.DKIM {
		if d.Status != dkim.TempError || d.Domain == "" {
			continue
		}
		if message.Below(author, d.Domain) || message.Below(d.Domain, author) || res.List.ID != "" && message.Below(res.List.ID, d.Domain) {
			return d.Domain
		}
	}
	return ""
}

// listChange returns the evidence that a list caused the failure: the message was
// changed after the author's domain signed it, or the list's domain signed it; "" if
// there is none. A broken signature counts only if its key exists.
func listChange(res *result.Results) string {
	author := res.Author.Domain
	for _, d := range res.DKIM {
		if d.Status == dkim.Fail && d.KeyBits > 0 && (message.Below(author, d.Domain) || message.Below(d.Domain, author)) {
			return fmt.Sprintf("changed behind the signature of %s (%s)", d.Domain, foreign.Line(d.Reason, 100))
		}
	}
	for _, d := range res.DKIM {
		if status, _ := res.Counts(d); status == dkim.Pass && res.List.ID != "" && message.Below(res.List.ID, d.Domain) {
			return "signed by the list's domain " + d.Domain
		}
	}
	return ""
}
