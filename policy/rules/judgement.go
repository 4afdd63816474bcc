package rules

import (
	"cmp"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// byOnReject is the key by which a message that would be refused is held. An override by
// it trusts nobody.
const byOnReject = "policy.on_reject"

// judgement treats a message that is refused for p=reject alone as p=quarantine, unless
// evidence speaks for a forgery (RFC 9989 sections 7.4 and 8).
func (r *Rules) judgement(d *decision) {
	res := d.results
	if r.action(stepJudgement) == "" || d.verdict.Rule != result.RuleDMARCReject || r.strict(res) || r.maySpare(res) {
		return
	}
	o := result.Override{Reason: result.ReasonLocalPolicy, By: byOnReject, Text: string(RejectQuarantine)}
	if r.OnReject == RejectJudge {
		outcome := r.weigh(d)
		d.verdict.Judgement = outcome
		if outcome == judgement.Refuse {
			d.verdict.Text += explain.ForgeryFound(res)
			return
		}
		o.Text = cmp.Or(foreign.Line(judgement.Summary(res.Evidence), 200), judgement.Hold)
	}
	judged := d.verdict.Judgement
	d.decide(stepJudgement, result.Quarantine, d.verdict.Text)
	d.verdict.Judgement = judged
	d.verdict.Overrides = append(d.verdict.Overrides, o)
}

// strict reports whether the administrator has decided about the author's domain: it is
// one of this server, all of whose mail is known here, or has an override.
func (r *Rules) strict(res *result.Results) bool {
	if r.Local.OwnDomains.Name(res.Author.Domain) {
		return true
	}
	_, key := r.Trust.author(res.Author.Domain, res.Arrived)
	return key != ""
}

// maySpare reports whether a DNS failure hides a reason not to refuse the message. It is
// then deferred by a later step.
func (r *Rules) maySpare(res *result.Results) bool {
	return res.ExemptUndecided || r.Trust.undecidedForwarder(res) != ""
}

// weigh returns what the evidence leads to. Of a stored message it may be in doubt,
// because the evidence was not gathered or not in full.
func (r *Rules) weigh(d *decision) string {
	all := d.results.Evidence
	if d.stored.lacks.has(LacksEvidence) && judgement.Open(all) {
		if d.stored.doubt(Doubt{Key: byOnReject, Facts: []string{LacksEvidence.String()}}) {
			return judgement.Hold
		}
		return judgement.Refuse
	}
	return cmp.Or(judgement.Weigh(all), judgement.Hold)
}
