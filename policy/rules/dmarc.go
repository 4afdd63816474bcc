package rules

import (
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// unknownFor is how long mail is deferred whose author's domain has a policy that cannot
// be looked up. A forger who causes the failure must keep it up for so long. Mail of a
// domain whose servers have failed for longer is not worth less than before: it passes as
// on_temperror says, long before its sender would give up (RFC 5321 section 4.5.4.1: four
// to five days) or be warned of a delay.
const unknownFor = 4 * time.Hour

// mayAsk reports whether the author's domain may ask for quarantine or reject, although
// nobody knows that it does: its record does not pass DNSSEC validation, or could not be
// looked up for less than unknownFor. A record that does not pass validation must not be
// used, however long that lasts (RFC 4035 section 5.5), and RFC 7672 section 2.1.1 also
// has mail wait then.
func mayAsk(res *result.Results) bool {
	u := res.DMARC.Unknown
	return u != nil && (u.Bogus || u.Since.IsZero() || res.Arrived.Sub(u.Since) < unknownFor)
}

// dmarcTempError decides if a DNS failure leaves DMARC open. A message that was made
// on a trusted relay is accepted: no forger from outside can cause its temperror,
// which would never end.
func (r *Rules) dmarcTempError(d *decision) {
	res, found := d.results, &d.results.DMARC
	if found.Status != dmarc.TempError {
		return
	}
	asks := found.Policy.Enforces() || found.Suspected.Enforces() || mayAsk(res)
	if res.Client.Inside || r.action(stepTempError) != result.TempFail && !asks {
		d.decide(stepTempError, result.Accept, "")
		return
	}
	why := "because of a DNS failure"
	switch {
	case res.Client.Hidden != "":
		// The reply does not name the reason, which would reveal our own network.
		why = "as the client behind the relay is not known"
	case found.Unknown != nil && found.Unknown.Bogus:
		why = "as its records in the DNS do not pass DNSSEC validation"
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
