package rules

import (
	"cmp"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// Action returns the action of the step under some rules, or "" if it never applies
// under them. It also returns "" for the administrator's own rules, each of which has
// its own action, and for author overrides, see [Rules.AuthorAction].
func (s Step) Action(r *Rules) result.Action { return r.action(s.step) }

// action returns the action of a step, "" if the step never applies.
func (r *Rules) action(s step) result.Action {
	switch s {
	case stepExempt, stepNoAuthor, stepDMARCPass, stepDMARCNone, stepNoPolicy, stepMode:
		return result.Accept
	case stepUnreadable, stepExemptUndecided:
		return result.TempFail
	case stepOversize, stepDMARCReject:
		return result.Reject

	case stepKeyError:
		return when(r.OnKeyError != KeyErrorUnsigned, result.TempFail)
	case stepReportBounce:
		return when(r.Reports.ConsumeBounces, result.Discard)
	case stepFault:
		return when(r.OnFault != FaultAccept, result.TempFail)
	case stepAmbiguousAuthor:
		if r.OnAmbiguousAuthor == AmbiguousHold {
			return result.Quarantine
		}
		return when(r.OnAmbiguousAuthor != AmbiguousAccept, result.Reject)
	case stepTempError:
		if r.OnTempError == TempErrorDefer {
			return result.TempFail
		}
		return result.Accept
	case stepDMARCQuarantine:
		return r.held()

	case stepDMARCMark:
		return when(r.DMARC == DMARCMark, result.Accept)
	case stepForwarder:
		return when(r.Trust.Forwarders.Len() > 0, result.Accept)
	case stepSealer:
		return when(r.Trust.Sealers.Len() > 0, result.Accept)
	case stepMailingList:
		if r.Trust.MailingLists == MailingListsQuarantine {
			return r.held()
		}
		return when(r.Trust.MailingLists == MailingListsAccept, result.Accept)
	case stepJudgement:
		softens := r.OnReject == RejectJudge || r.OnReject == RejectQuarantine
		return when(softens && r.Quarantine != QuarantineReject, result.Quarantine)
	case stepSenderDomain:
		return when(r.SenderDomain == SenderDomainReject, result.Reject)
	case stepOwnDomain:
		return r.demanded(r.Local.OnOwnDomain)
	case stepUnsigned:
		return r.demanded(r.Local.OnUnsigned)
	case stepSPFFail:
		return r.demanded(r.Local.SPFFail)
	case stepSPFSoftfail:
		return r.demanded(r.Local.SPFSoftfail)
	case stepSPFPermError:
		return r.demanded(r.Local.SPFPermError)
	case stepSPFTempError:
		spf := cmp.Or(r.action(stepSPFFail), r.action(stepSPFSoftfail), r.action(stepSPFPermError))
		return when(r.OnTempError == TempErrorDefer && spf != "", result.TempFail)
	case stepReportWithoutPass:
		return when(r.Reports.RequirePass && r.Reports.Inbox != nil, result.Reject)
	case stepDegraded:
		if r.OnDegraded == DegradedAccept {
			return result.Accept
		}
		return result.TempFail
	case stepForwarderUndecided:
		return when(r.Trust.Forwarders.HasNames() || r.Trust.Forwarders.HasSigners(), result.TempFail)
	case stepTag:
		return when(r.Quarantine == QuarantineTag || r.NoHold, result.Accept)
	}
	return ""
}

// when returns an action if the step is taken, otherwise "".
func when(taken bool, a result.Action) result.Action {
	if taken {
		return a
	}
	return ""
}

// held returns the action for a message that is treated as p=quarantine.
func (r *Rules) held() result.Action {
	if r.Quarantine == QuarantineReject {
		return result.Reject
	}
	return result.Quarantine
}

// demanded returns the action for a message that does not meet a demand, "" if it is
// only marked.
func (r *Rules) demanded(d Demand) result.Action {
	switch d {
	case DemandReject:
		return result.Reject
	case DemandQuarantine:
		return r.held()
	}
	return ""
}

// AuthorAction returns the action that an entry of [Trust] Authors leads to.
func (r *Rules) AuthorAction(p dmarc.Policy) result.Action {
	switch p {
	case dmarc.PolicyNone:
		return result.Accept
	case dmarc.PolicyQuarantine:
		return r.held()
	}
	return result.Reject
}
