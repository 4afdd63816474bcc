package rules

import (
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// dmarcTempError decides if a DNS failure leaves DMARC open. A message that was made
// on a trusted relay is accepted: no forger from outside can cause its temperror,
// which would never end.
func (r *Rules) dmarcTempError(d *decision) {
	res, found := d.results, &d.results.DMARC
	if found.Status != dmarc.TempError {
		return
	}
	if res.Client.Inside || r.action(stepTempError) != result.TempFail && !found.Policy.Enforces() && !found.Suspected.Enforces() {
		d.decide(stepTempError, result.Accept, "")
		return
	}
	why := "because of a DNS failure"
	if res.Client.Hidden != "" {
		// The reply does not name the reason, which would reveal our own network.
		why = "as the client behind the relay is not known"
	}
	d.decide(stepTempError, result.TempFail, "DMARC of "+found.AuthorDomain+" could not be evaluated "+why+"; please try again later")
	if res.Client.Hidden != "" {
		d.verdict.Code = replyRelay
	}
}

func (r *Rules) dmarcPass(d *decision) {
	if d.results.DMARC.Status == dmarc.Pass {
		d.decide(stepDMARCPass, result.Accept, "")
	}
}

// dmarcFail does what the author's domain asks for, if that is what the step is
// about.
func (r *Rules) dmarcFail(d *decision, s step) {
	found := &d.results.DMARC
	asked := stepDMARCNone
	switch found.Disposition {
	case dmarc.PolicyReject:
		asked = stepDMARCReject
	case dmarc.PolicyQuarantine:
		asked = stepDMARCQuarantine
	}
	if found.Status != dmarc.Fail || s != asked {
		return
	}
	a, text := r.action(s), ""
	if a != result.Accept {
		text = explain.DMARCFailure(d.results)
	}
	d.decide(s, a, text)
}

// byDMARC is the key by which policies of author domains are only noted. An override
// by it trusts nobody: the other keys still decide.
const byDMARC = "policy.dmarc"

// dmarcMark accepts what DMARC would refuse, hold or defer.
func (r *Rules) dmarcMark(d *decision) {
	if r.action(stepDMARCMark) == "" || d.verdict.Rule == result.RuleTempError && r.OnTempError == TempErrorDefer {
		return
	}
	d.override(stepDMARCMark, result.Override{Reason: result.ReasonLocalPolicy, By: byDMARC, Text: string(DMARCMark)})
}
