package reporting

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/result"
)

// The comments of reasons. They are few: a comment is a part of what messages are grouped
// by, and must say nothing about a user or about the administrator's rules. Only that of
// [result.RuleTrustedSealer] has more, the sealers, which the configuration names.
const (
	CommentMonitor      = "monitor mode"
	CommentMarked       = "policies are only noted"
	CommentOtherRule    = "refused by another filter"
	CommentOwnRule      = "a rule of this receiver"
	CommentAuthor       = "this receiver's policy for the author"
	CommentSoftened     = "reject taken as quarantine"
	CommentHardened     = "quarantine taken as reject"
	CommentDNS          = "temporary DNS error"
	CommentDNSDown      = "DNS of this receiver was down"
	CommentList         = "seems changed by a mailing list"
	CommentForwarder    = "listed forwarder"
	commentSealerBegins = "arc=pass "
)

// Comments returns all comments but that about sealers.
func Comments() []string {
	return []string{
		CommentMonitor, CommentMarked, CommentOtherRule, CommentOwnRule, CommentAuthor, CommentSoftened, CommentHardened,
		CommentDNS, CommentDNSDown, CommentList, CommentForwarder,
	}
}

// strictness orders dispositions; pass is none.
var strictness = map[report.Disposition]int{report.DispositionQuarantine: 1, report.DispositionReject: 2}

// disposition returns what a report says was done, and why if the domain asked for
// something else (RFC 9990 sections 3.1.1.9 and 3.1.6).
func disposition(res *result.Results, v *result.Verdict) (report.Disposition, []report.Reason) {
	d, done := &res.DMARC, doneWith(v)
	switch d.Status {
	case dmarc.Pass:
		// The policy asks for nothing. What blocks the message is another filter, and
		// the message counts as if it were not there (section 3.1).
		passed := report.DispositionNone
		if d.Policy.Enforces() || d.Testing {
			passed = report.DispositionPass
		}
		if done == report.DispositionNone {
			return passed, nil
		}
		return passed, []report.Reason{{Type: report.LocalPolicy, Comment: CommentOtherRule}}
	case dmarc.TempError:
		reasons := []report.Reason{{Type: report.OtherReason, Comment: CommentDNS}}
		if done != report.DispositionNone {
			reasons = append(reasons, report.Reason{Type: report.LocalPolicy, Comment: CommentOtherRule})
		}
		return report.DispositionNone, reasons
	case dmarc.Fail:
		return failed(d, v, done)
	}
	return report.DispositionNone, nil // permerror: its record asks for nothing
}

// doneWith returns what was done with a message.
func doneWith(v *result.Verdict) report.Disposition {
	switch {
	case v.Monitored:
		return report.DispositionNone
	case tagged(v), v.Action == result.Quarantine, v.Action == result.Redirect:
		return report.DispositionQuarantine
	case v.Action == result.Reject, v.Action == result.Discard:
		return report.DispositionReject
	}
	return report.DispositionNone
}

// tagged reports whether a message that was to be held was delivered with a tag.
func tagged(v *result.Verdict) bool {
	return !v.Monitored && v.Intended == result.Quarantine && v.Action == result.Accept
}

// failed is disposition for a message that failed DMARC.
func failed(d *dmarc.Result, v *result.Verdict, done report.Disposition) (report.Disposition, []report.Reason) {
	asked := report.Disposition(d.Disposition)
	var reasons list
	if d.Testing { // t=y made the policy milder
		reasons.add(report.PolicyTestMode, "")
	}
	switch {
	case v.Monitored && asked == report.DispositionNone:
		return asked, reasons
	case done == asked:
		return asked, reasons
	case strictness[done] > strictness[asked] && !ofDMARC(v.Rule):
		reasons.add(report.LocalPolicy, CommentOtherRule)
		return asked, reasons
	}
	reasons.addOverrides(v)
	if !reasons.explains() {
		comment := CommentOwnRule
		switch {
		case asked == report.DispositionReject && done == report.DispositionQuarantine:
			comment = CommentSoftened
		case asked == report.DispositionQuarantine && done == report.DispositionReject:
			comment = CommentHardened
		}
		reasons.add(report.LocalPolicy, comment)
	}
	return done, reasons
}

// ofDMARC reports whether a rule is about what the author's domain asks for.
func ofDMARC(rule string) bool {
	switch rule {
	case result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleDMARCNone, result.RuleNoPolicy,
		result.RuleAuthorOverride, result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList, result.RuleJudgement:
		return true
	}
	return false
}

// list is reasons, each type once.
type list []report.Reason

func (l *list) add(t report.ReasonType, comment string) {
	if !slices.ContainsFunc(*l, func(r report.Reason) bool { return r.Type == t }) {
		*l = append(*l, report.Reason{Type: t, Comment: comment})
	}
}

// explains reports whether a reason says more than that the domain is testing.
func (l list) explains() bool {
	return slices.ContainsFunc(l, func(r report.Reason) bool { return r.Type != report.PolicyTestMode })
}

// addOverrides adds the exceptions of a verdict, in their order. That a message is tagged
// in place of being held is none.
func (l *list) addOverrides(v *result.Verdict) {
	overrides := v.Overrides
	if tagged(v) && len(overrides) > 0 {
		overrides = overrides[:len(overrides)-1] // the last step of a decision
	}
	for _, o := range overrides {
		l.add(reasonType(o.Reason), comment(o, v))
	}
}

// reasonType returns the type of a reason. RFC 9990 has no longer two of RFC 7489.
func reasonType(r result.OverrideReason) report.ReasonType {
	switch r {
	case result.ReasonLocalPolicy, result.ReasonMailingList, result.ReasonTrustedForwarder, result.ReasonTestMode:
		return report.ReasonType(r)
	}
	return report.OtherReason
}

// comment returns the comment of an exception.
func comment(o result.Override, v *result.Verdict) string {
	switch {
	case o.By == "trust.sealers":
		// RFC 8617 section 7.2.2 also has the address of the first hop. It would make
		// each message a row of its own.
		text, _, _ := strings.Cut(o.Text, " remote-ip")
		if strings.HasPrefix(text, commentSealerBegins) {
			return text
		}
		return strings.TrimSpace(commentSealerBegins)
	case o.By == "trust.forwarders":
		return CommentForwarder
	case o.By == "policy.mailing_lists":
		return CommentList
	case o.By == "policy.on_reject" && !v.Monitored:
		return CommentSoftened
	case o.By == "policy.dmarc":
		return CommentMarked
	case o.By == "policy.on_degraded":
		return CommentDNSDown
	case strings.HasPrefix(o.By, "author_overrides."):
		return CommentAuthor
	case strings.HasPrefix(o.By, "rule "):
		return CommentOwnRule
	case v.Monitored:
		return CommentMonitor
	}
	return CommentOwnRule
}

// kind returns the kind of a message.
func kind(res *result.Results, v *result.Verdict) Kind {
	done := doneWith(v)
	switch {
	case ofReport(res), isReport(res.Header):
		return OfReport
	case res.MailFrom == "" && !res.MailFromUnknown:
		return NullSender
	case done == report.DispositionReject && res.DMARC.Status != dmarc.Pass:
		return Refused
	}
	return Ordinary
}

// ofReport reports whether the Subject is that of an aggregate report (RFC 9990 section
// 3.5.2).
func ofReport(res *result.Results) bool {
	for _, f := range res.Header {
		if f.Is("Subject") {
			words := strings.Fields(f.Value())
			return len(words) > 1 && strings.EqualFold(words[0], "Report") && strings.EqualFold(words[1], "Domain:")
		}
	}
	return false
}
