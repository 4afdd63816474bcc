package rules

import (
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// dmarcTempError decides what happens while a DNS failure leaves DMARC open. Of a
// message made on a trusted relay no forger from outside can bring that about, and
// it would be so for ever.
func (r *Rules) dmarcTempError(d *decision) {
	res, found := d.results, &d.results.DMARC
	if found.Status != dmarc.TempError {
		return
	}
	if res.Client.Inside || r.leads(stepTempError) != result.TempFail && !found.Policy.Enforces() && !found.Suspected.Enforces() {
		d.decide(stepTempError, result.Accept, "")
		return
	}
	why := "because of DNS trouble"
	if res.Client.Hidden != "" {
		// The reason is for the log: it tells of our own network.
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

// dmarcFail does what the author's domain asks for, if it asks for what the step
// is about.
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
	a, text := r.leads(s), ""
	if a != result.Accept {
		text = explain.DMARCFailure(d.results)
	}
	d.decide(s, a, text)
}

// byDMARC is the key that keeps policies of author domains from being carried out.
// It trusts nobody: what else is set still decides.
const byDMARC = "policy.dmarc"

// dmarcMark accepts what DMARC would refuse, hold or defer.
func (r *Rules) dmarcMark(d *decision) {
	if r.leads(stepDMARCMark) == "" || d.verdict.Rule == result.RuleTempError && r.OnTempError == TempErrorDefer {
		return
	}
	d.override(stepDMARCMark, result.Override{Reason: result.ReasonLocalPolicy, By: byDMARC, Text: string(DMARCMark)})
}
