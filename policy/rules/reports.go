package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Reports concerns mail about DMARC reports: reports of others that come to us, and
// bounces of our own.
type Reports struct {
	// Inbox are our addresses for reports of others. RequirePass rejects mail to them
	// that does not pass DMARC (RFC 9990 section 3.5).
	Inbox       *addrlist.Mailboxes
	RequirePass bool
	// ConsumeBounces drops bounces of our own reports, which are read as they come.
	// IsBounce reports whether an address is the envelope sender of such a report; nil
	// if none was sent.
	ConsumeBounces bool
	IsBounce       func(recipient string) bool
}

// Recall returns the rules for a message that is decided about again. Only the rule of its
// verdict at that time says whether it was a bounce of a report.
func (r Rules) Recall(rule string) Rules {
	r.Reports.IsBounce = func(string) bool { return rule == result.RuleReportBounce }
	return r
}

// reportBounce drops a bounce of our own reports: one with the null sender, whose
// recipients are all envelope senders of reports.
func (r *Rules) reportBounce(d *decision) {
	res := d.results
	if r.action(stepReportBounce) == "" || r.Reports.IsBounce == nil || res.MailFrom != "" || res.MailFromUnknown {
		return
	}
	if onlyTo(res, r.Reports.IsBounce) {
		d.decide(stepReportBounce, result.Discard, "")
	}
}

// onlyTo reports whether is holds for all recipients of a message.
func onlyTo(res *result.Results, is func(recipient string) bool) bool {
	if len(res.Recipients) == 0 || res.RecipientsIncomplete {
		return false
	}
	return !slices.ContainsFunc(res.Recipients, func(to string) bool { return !is(to) })
}

// reportWithoutPass rejects a message for the addresses of reports that does not pass
// DMARC. It rejects no message because of a DNS failure, and none that the administrator
// trusts.
func (r *Rules) reportWithoutPass(d *decision) {
	res := d.results
	if r.action(stepReportWithoutPass) == "" || res.DMARC.Status == dmarc.Pass || res.DMARC.Status == dmarc.TempError {
		return
	}
	if !onlyTo(res, r.Reports.Inbox.Has) && !r.mayBeReport(d) {
		return
	}
	v := stepReportWithoutPass.verdict(result.Reject, "DMARC reports must pass DMARC, RFC 9990 3.5.2")
	if d.verdict.Action == result.Accept || d.demanded {
		r.demand(d, v)
		return
	}
	if d.verdict.Action == result.Quarantine && !d.trusted() { // its domain asks for that
		v.Overrides, v.Refused = d.verdict.Overrides, d.verdict.Refused
		d.verdict = v
	}
}

// mayBeReport reports whether a stored message, of whose recipients the local parts are
// not known, is assumed to be for the addresses of reports.
func (r *Rules) mayBeReport(d *decision) bool {
	if !d.stored.lacks.has(LacksRcpts) && !d.stored.lacks.has(LacksRcptDomains) {
		return false
	}
	possible := onlyTo(d.results, func(to string) bool {
		_, domain := message.SplitPath(to)
		return r.Reports.Inbox.HasDomain(domain)
	})
	return possible && d.stored.doubt(Doubt{Key: "report.require_pass", Facts: []string{LacksRcpts.String()}})
}
