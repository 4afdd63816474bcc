// Package rules decides what is done with a message: [Rules.Decide] turns what
// the evaluators found into a verdict. All of it is pure: no clock, no DNS, no
// file.
//
// # The order of decisions
//
// Faults of ours and exemptions are decided first, then the administrator's own
// rules are asked, see [Rule]: one that decides has the last word but for
// mode, and for a client that may be exempt by a name which DNS trouble hides.
// Then come messages without one author. After these each line may change what
// those above it decided:
//
//	what                     asks                                  changes
//	DMARC                    what does the author's domain want?   -
//	author_overrides         what do we want for that domain?      any action, up and down
//	trust.forwarders         did a trusted client hand it on?      reject, hold, defer -> accept
//	trust.sealers            did a trusted chain see it pass?      reject, hold -> accept
//	policy.mailing_lists     does it look like a list's work?      reject, hold -> hold, accept
//	policy.sender_domain     does the sender accept mail?          accept, hold -> reject (not for
//	                                                               what was trusted above)
//	on_own_domain,           is it proven, signed, permitted?      accept -> hold, defer, reject
//	on_unsigned, spf_*       (the strictest answer; not for what
//	                         was trusted above)
//	policy.on_degraded       could we ask at all?                  reject -> defer; see there
//	names hidden by DNS      would the client be trusted?          reject -> defer
//	mode, monitor_*,         is it to be carried out?              all -> accept
//	enforce_domains
//
// An override of the verdict names what turned the action away from what the
// author's domain asks for; its field Refused names what nearly did.
package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Rules turn results into a verdict. They are a plain value; of each word "" is
// the default.
type Rules struct {
	// Modes are the exceptions to Mode.
	Mode  Mode
	Modes Modes
	// AuthservID is the name that our field carries.
	AuthservID string
	DMARC      DMARC
	Quarantine Quarantine
	// OnTempError decides unless the domain is known to ask for quarantine or
	// reject. Then the message is deferred in any case: whoever forges mail of
	// the domain may have caused the DNS failure, and honest mail is only late.
	OnTempError       TempError
	OnAmbiguousAuthor AmbiguousAuthor
	// SenderDomain decides after Trust.
	SenderDomain SenderDomain
	OnFault      Fault
	// HelpURL ends each refusal, see [explain.CheckHelpURL]; "" for none.
	HelpURL    string
	OnDegraded Degraded
	// Trust says whose word counts against a failure of DMARC, Local what we ask
	// for beside DMARC.
	Trust Trust
	Local Local
	// Custom are the administrator's own rules.
	Custom []Rule
	// NoHold tells that the MTA cannot keep a message back: it is tagged instead.
	NoHold bool
}

// Decide is a pure function of the results: the first rule that applies
// decides, and Mode has the last word.
func (r Rules) Decide(res *result.Results) result.Verdict {
	return explain.Verdict(r.HelpURL, res, r.decide(res))
}

func (r Rules) decide(res *result.Results) result.Verdict {
	var own custom
	v := patient(res, r.judge(res, &own))
	if o, ok := own.override(res); ok {
		v.Overrides = append(v.Overrides, o)
	}
	if v.Overrides == nil {
		v.Overrides = []result.Override{}
	}
	if v.Refused == nil {
		v.Refused = []result.Override{}
	}
	v.Matched, v.Faults = own.matched, own.faults
	v.Text = explain.OneLine(v.Text)
	v.Intended = v.Action
	// A message from which we cannot remove what is forged never passes.
	if v.Action != result.Accept && v.Rule != result.RuleUnreadable {
		if mode, key, what := r.mode(res); mode == Monitor {
			v.Action, v.Code, v.RedirectTo = result.Accept, "", ""
			v.Overrides = append(v.Overrides, result.Override{Reason: result.ReasonLocalPolicy, By: key, Text: what})
		}
	}
	if !v.Action.Delivers() {
		v.AuthenticationResults = r.authenticationResults(res, v)
		return v // the message is not ours to edit
	}
	v.Remove = slices.Clip(res.Claims)
	own.edit(&v, res)
	if by := r.tagged(own.rule); v.Intended == result.Quarantine && v.Action == result.Quarantine && by != "" {
		v.Action = result.Accept
		v.Overrides = append(v.Overrides, result.Override{Reason: result.ReasonLocalPolicy, By: by, Text: "tag"})
		v.Insert = append(v.Insert, message.NewField(result.QuarantineField, " "+v.Text))
	}
	if v.AuthenticationResults = r.authenticationResults(res, v); v.AuthenticationResults != "" {
		v.Insert = append(v.Insert, message.NewField(authres.FieldName, v.AuthenticationResults))
	}
	return v
}

// tagged says what makes a message that is to be held be delivered with a mark
// instead; "" if nothing does.
func (r Rules) tagged(rule *Rule) string {
	switch {
	case rule == nil && r.Quarantine == QuarantineTag:
		return "policy.quarantine"
	case rule != nil && rule.Quarantine == QuarantineTag:
		return "rule " + rule.Name
	case r.NoHold:
		return "MTA"
	}
	return ""
}

func (r Rules) judge(res *result.Results, own *custom) result.Verdict {
	switch {
	case res.ClaimsIncomplete:
		return unreadable
	case res.Exempt != "":
		return result.Verdict{Action: result.Accept, Rule: result.RuleExempt, Text: res.Exempt}
	case len(res.Faults) > 0 && r.OnFault != FaultAccept:
		return result.Verdict{
			Action: result.TempFail, Rule: result.RuleFault, Code: "451 4.3.0",
			Text: "The sender's authentication could not be checked because of an internal error; please try again later",
		}
	case res.Oversize != "":
		return result.Verdict{Action: result.Reject, Rule: result.RuleOversize, Code: "552 5.3.4", Text: "Message refused: " + res.Oversize}
	}
	if own.ask(r.Custom, res); own.rule != nil {
		return own.verdict
	}
	switch {
	case res.Author.Absent && res.MailFrom == "":
		// A bounce from "MAILER-DAEMON": it names nobody's domain, and is lost for
		// good if it is refused.
		return result.Verdict{Action: result.Accept, Rule: result.RuleNoAuthor}
	case res.Author.Domain == "" && res.Author.Problem != "" && r.OnAmbiguousAuthor != AmbiguousAccept:
		text := explain.AuthorProblem(res.Author)
		if r.OnAmbiguousAuthor == AmbiguousHold {
			return result.Verdict{Action: result.Quarantine, Rule: result.RuleAmbiguousAuthor, Text: text}
		}
		return result.Verdict{Action: result.Reject, Rule: result.RuleAmbiguousAuthor, Code: "550 5.7.1", Text: "Message refused: " + text}
	}
	return r.readyMade(res)
}

var unreadable = result.Verdict{
	Action: result.TempFail, Rule: result.RuleUnreadable, Code: "451 4.3.0",
	Text: "The message holds more fields in the name of this server than can be removed",
}

func (r Rules) judgeDMARC(res *result.Results) result.Verdict {
	d := res.DMARC
	switch d.Status {
	case dmarc.TempError:
		if res.Client.Inside {
			// No forger from outside can bring this about, and it would be so for ever.
			return result.Verdict{Action: result.Accept, Rule: result.RuleTempError}
		}
		code, why := "451 4.4.3", "because of DNS trouble"
		if res.Client.Hidden != "" {
			// Why is for the log: it tells of our own network. X.3.5 is "system
			// incorrectly configured".
			code, why = "451 4.3.5", "as the client behind the relay is not known"
		}
		text := "DMARC of " + d.AuthorDomain + " could not be evaluated " + why + "; please try again later"
		if r.OnTempError == TempErrorDefer || d.Policy.Enforces() || d.Suspected.Enforces() {
			return result.Verdict{Action: result.TempFail, Rule: result.RuleTempError, Code: code, Text: text}
		}
		return result.Verdict{Action: result.Accept, Rule: result.RuleTempError}
	case dmarc.Pass:
		return result.Verdict{Action: result.Accept, Rule: result.RuleDMARCPass}
	case dmarc.Fail:
		switch {
		case d.Disposition == dmarc.PolicyReject:
			return result.Verdict{Action: result.Reject, Rule: result.RuleDMARCReject, Code: "550 5.7.26", Text: explain.DMARCFailure(res)}
		case d.Disposition == dmarc.PolicyQuarantine && r.Quarantine == QuarantineReject:
			return result.Verdict{Action: result.Reject, Rule: result.RuleDMARCQuarantine, Code: "550 5.7.26", Text: explain.DMARCFailure(res)}
		case d.Disposition == dmarc.PolicyQuarantine:
			return result.Verdict{Action: result.Quarantine, Rule: result.RuleDMARCQuarantine, Text: explain.DMARCFailure(res)}
		}
		return result.Verdict{Action: result.Accept, Rule: result.RuleDMARCNone}
	}
	return result.Verdict{Action: result.Accept, Rule: result.RuleNoPolicy}
}

// BuiltinRules are the names that no rule of the admin's own may have.
func BuiltinRules() []string {
	return []string{
		result.RuleUnreadable, result.RuleExempt, result.RuleFault, result.RuleOversize, result.RuleNoAuthor, result.RuleAmbiguousAuthor, result.RuleTempError,
		result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleDMARCNone, result.RuleDMARCPass, result.RuleNoPolicy,
		result.RuleAuthorOverride, result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList, result.RuleSenderDomain, result.RuleOwnDomain, result.RuleUnsigned,
		result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError, result.RuleSPFTempError, result.RuleDegraded,
	}
}
