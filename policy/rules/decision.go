package rules

import (
	"cmp"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// decision is the state of one decision.
type decision struct {
	results *result.Results
	// verdict is the verdict so far. Its action is "" until a step decides.
	verdict result.Verdict
	// ended is true if a step before DMARC decided.
	ended bool
	// demanded is true if a demand of Local decided.
	demanded bool
	// tagged is true if the message is delivered with QuarantineField.
	tagged bool
	custom customResult
	stored stored
}

// take takes the steps from one to the step before end, in order. It skips steps that
// do not concern the verdict so far.
func (r *Rules) take(d *decision, from, end step) {
	for s := from; s < end; s++ {
		row := &steps[s]
		switch {
		case row.Part == PartChange && d.ended:
			continue
		case row.Part >= PartChange && !row.On.Has(d.verdict.Action):
			continue
		case row.Part < PartChange && d.verdict.Action != "":
			continue
		}
		r.step(s, d)
		d.ended = d.ended || row.Part < PartDMARC && d.verdict.Action != ""
	}
}

// step takes one step. With a table of functions instead of a switch, each decision
// would be allocated on the heap.
func (r *Rules) step(s step, d *decision) {
	switch s {
	case stepUnreadable:
		r.unreadable(d)
	case stepKeyError:
		r.keyError(d)
	case stepReportBounce:
		r.reportBounce(d)
	case stepExempt:
		r.exempt(d)
	case stepFault:
		r.fault(d)
	case stepOversize:
		r.oversize(d)
	case stepCustom:
		r.applyCustom(d)
	case stepNoAuthor:
		r.noAuthor(d)
	case stepAmbiguousAuthor:
		r.ambiguousAuthor(d)
	case stepTempError:
		r.dmarcTempError(d)
	case stepDMARCPass:
		r.dmarcPass(d)
	case stepDMARCReject, stepDMARCQuarantine, stepDMARCNone:
		r.dmarcFail(d, s)
	case stepNoPolicy:
		d.decide(s, result.Accept, "")
	case stepDMARCMark:
		r.dmarcMark(d)
	case stepAuthorOverride:
		r.authorOverride(d)
	case stepForwarder:
		r.forwarder(d)
	case stepSealer:
		r.sealer(d)
	case stepMailingList:
		r.mailingList(d)
	case stepJudgement:
		r.judgement(d)
	case stepSenderDomain:
		r.senderDomain(d)
	case stepOwnDomain:
		r.ownDomain(d)
	case stepUnsigned:
		r.unsigned(d)
	case stepSPFFail:
		r.spf(d, s, spf.Fail)
	case stepSPFSoftfail:
		r.spf(d, s, spf.SoftFail)
	case stepSPFPermError:
		r.spf(d, s, spf.PermError)
	case stepSPFTempError:
		r.spf(d, s, spf.TempError)
	case stepReportWithoutPass:
		r.reportWithoutPass(d)
	case stepDegraded:
		r.degraded(d)
	case stepForwarderUndecided:
		r.forwarderUndecided(d)
	case stepExemptUndecided:
		r.exemptUndecided(d)
	case stepMode:
		r.monitor(d)
	case stepTag:
		r.tag(d)
	}
}

// verdict returns the verdict of a step.
func (s step) verdict(a result.Action, text string) result.Verdict {
	v := result.Verdict{Action: a, Rule: steps[s].Rule, Text: text}
	if a == result.Reject || a == result.TempFail {
		v.Code = steps[s].Codes[0].Reply
	}
	return v
}

// decide sets the verdict to that of a step. Overrides stay.
func (d *decision) decide(s step, a result.Action, text string) {
	v := s.verdict(a, text)
	d.verdict.Action, d.verdict.Rule, d.verdict.Code, d.verdict.Text = v.Action, v.Rule, v.Code, v.Text
}

// override accepts the message by a step. A step without a rule keeps the name of
// the rule that decided.
func (d *decision) override(s step, o result.Override) {
	rule := cmp.Or(steps[s].Rule, d.verdict.Rule)
	d.decide(s, result.Accept, "")
	d.verdict.Rule = rule
	d.verdict.Overrides = append(d.verdict.Overrides, o)
}

// refuse records an override that nearly applied.
func (d *decision) refuse(o result.Override) { d.verdict.Refused = append(d.verdict.Refused, o) }

// postponed returns the verdict of a rule that cannot decide because of a DNS
// failure.
func postponed(rule, text string) result.Verdict {
	return result.Verdict{Action: result.TempFail, Rule: rule, Code: replyDNS, Text: text + "; please try again later"}
}

// postpone defers the message by a rule because of a DNS failure. Overrides stay.
func (d *decision) postpone(rule, text string) {
	v := postponed(rule, text)
	v.Overrides, v.Refused = d.verdict.Overrides, d.verdict.Refused
	d.verdict = v
}

// conclude completes the verdict before the mode, which may prevent its action.
func (d *decision) conclude() {
	v := &d.verdict
	if o, ok := d.custom.override(d.results); ok {
		v.Overrides = append(v.Overrides, o)
	}
	v.Matched, v.Faults = d.custom.matched, d.custom.faults
	v.Text = explain.OneLine(v.Text)
	v.Intended = v.Action
}
