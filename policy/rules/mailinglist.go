package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// lenientToLists is MailingLists. The marks of a list, and a failure as lists
// make it, can be forged by anybody who has seen one message of the author's.
func (r Rules) lenientToLists(res *result.Results, v result.Verdict) result.Verdict {
	if r.Trust.MailingLists != MailingListsQuarantine && r.Trust.MailingLists != MailingListsAccept || !res.List.Marked() {
		return v
	}
	o := result.Override{Reason: result.ReasonMailingList, By: "policy.mailing_lists"}
	shape := listShape(res)
	if signer := hiddenListSigner(res); shape == "" && signer != "" && v.Action == result.Reject {
		return deferred(v, result.RuleTempError, explain.HiddenSignature(signer))
	}
	if shape == "" {
		o.Text = "it bears " + foreign.Line(res.List.String(), 120) + ", but neither a signature of the author's domain that a list broke nor one of the list"
		v.Refused = append(v.Refused, o)
		return v
	}
	o.Text = foreign.Line(res.List.String(), 120) + "; " + shape
	switch {
	case r.Trust.MailingLists == MailingListsAccept:
		return overridden(v, result.RuleMailingList, o)
	case v.Action == result.Reject && r.Quarantine != QuarantineReject:
		v.Action, v.Rule, v.Code = result.Quarantine, result.RuleMailingList, ""
		v.Overrides = append(v.Overrides, o)
	}
	return v
}

// hiddenListSigner is the domain of a signature that might make a message one of
// a list's, and that DNS trouble hides; "" for none.
func hiddenListSigner(res *result.Results) string {
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

// listShape says how a failure looks like the work of a list: the author's
// domain signed something else than what came, or the list signed it anew. A
// signature without a key to it is neither.
func listShape(res *result.Results) string {
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
