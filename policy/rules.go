package policy

import (
	"slices"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// Mode says whether verdicts are carried out.
type Mode string

// Enforce acts; Monitor decides and reports, and accepts everything.
const (
	Enforce Mode = "enforce"
	Monitor Mode = "monitor"
)

// The ways to deal with p=quarantine, and with a message whose author is
// ambiguous.
const (
	QuarantineHold   = "hold"   // the MTA keeps the message back
	QuarantineTag    = "tag"    // delivered with QuarantineField
	QuarantineReject = "reject" // refused as for p=reject
	AuthorReject     = "reject"
	AuthorHold       = "hold"
	AuthorAccept     = "accept"
)

// What the policies of author domains lead to.
const (
	DMARCEnforce = "enforce"
	DMARCMark    = "mark"
)

// What DNS trouble, and a failure of our own, lead to.
const (
	TempErrorAccept = "accept"
	TempErrorDefer  = "tempfail"
	FaultDefer      = "tempfail"
	FaultAccept     = "accept"
)

// Rules turn results into a verdict. They are a plain value; an empty word is
// its default, the first that its comment names.
type Rules struct {
	// Mode is Enforce or Monitor, and Modes what is treated otherwise.
	Mode  Mode
	Modes Modes
	// AuthservID is the name that our field carries.
	AuthservID string
	// DMARC says whether the policies of author domains are carried out,
	// "enforce", or only written into the message, "mark".
	DMARC string
	// Quarantine is what p=quarantine leads to: "hold" (the MTA keeps the
	// message), "tag" (delivered with QuarantineField) or "reject".
	Quarantine string
	// OnTempError is what an evaluation that DNS trouble cut short leads to:
	// "accept" or "tempfail". Where the domain is known to ask for quarantine or
	// reject, it is "tempfail" in any case: whoever forges its mail may have
	// caused the trouble, and honest mail is only late.
	OnTempError string
	// OnAmbiguousAuthor is what a message without exactly one author domain
	// leads to: "reject", "hold" or "accept".
	OnAmbiguousAuthor string
	// SenderDomain is what is done if the sender's domain accepts no mail: "off",
	// "mark" (it only stands in our field) or "reject", unless Trust has a say.
	SenderDomain string
	// OnFault is what a failure of our own leads to: "tempfail" or "accept".
	OnFault string
	// HelpURL ends each refusal, see [CheckHelpURL]; "" for none.
	HelpURL string
	// OnDegraded is what a message leads to of which look-ups failed while DNS is
	// down altogether: "judge" (refusals become deferrals), "tempfail" (unless
	// DMARC passes) or "accept".
	OnDegraded string
	// Trust says whose word counts against a failure of DMARC, Local what we ask
	// for beside it.
	Trust Trust
	Local Local
	// Custom are the admin's own rules. They are asked after what must come
	// first: faults of ours, exemptions, the limits of a header.
	Custom []CustomRule
	// NoHold tells that the MTA cannot keep a message back: it is tagged instead.
	NoHold bool
}

// The names of the rules, in the order in which they are asked.
const (
	RuleUnreadable      = "unreadable"
	RuleExempt          = "exempt"
	RuleFault           = "fault"
	RuleOversize        = "oversize"
	RuleNoAuthor        = "no-author-domain"
	RuleAmbiguousAuthor = "ambiguous-author"
	RuleTempError       = "temperror"
	RuleDMARCReject     = "dmarc-reject"
	RuleDMARCQuarantine = "dmarc-quarantine"
	RuleDMARCNone       = "dmarc-none"
	RuleDMARCPass       = "dmarc-pass"
	RuleNoPolicy        = "no-policy"

	RuleAuthorOverride   = "author-override"
	RuleTrustedForwarder = "trusted-forwarder"
	RuleTrustedSealer    = "trusted-sealer"
	RuleMailingList      = "mailing-list"
	RuleSenderDomain     = "sender-domain"
	RuleOwnDomain        = "own-domain"
	RuleUnsigned         = "unsigned"
	RuleSPFFail          = "spf-fail"
	RuleSPFSoftfail      = "spf-softfail"
	RuleSPFPermError     = "spf-permerror"
	RuleSPFTempError     = "spf-temperror"
	RuleDegraded         = "dns-degraded"
)

// Decide is a pure function of the results: the first rule that applies
// decides, and Mode has the last word.
func (r Rules) Decide(res *Results) Verdict {
	return r.explained(res, r.decide(res))
}

// explained adds to a verdict why it is so, and to a refusal who must do what.
func (r Rules) explained(res *Results, v Verdict) Verdict {
	v.Hints = settled(Hints(res), v.Rule)
	v.Why = why(res, &v)
	v.Text = r.phrase(res, &v)
	return v
}

func (r Rules) decide(res *Results) Verdict {
	var own custom
	v := patient(res, r.judge(res, &own))
	if o, ok := own.override(res); ok {
		v.Overrides = append(v.Overrides, o)
	}
	if v.Overrides == nil {
		v.Overrides = []Override{}
	}
	if v.Refused == nil {
		v.Refused = []Override{}
	}
	v.Matched, v.Faults = own.matched, own.faults
	v.Text = oneLine(v.Text)
	v.Intended = v.Action
	// A message from which we cannot remove what is forged never passes.
	if v.Action != Accept && v.Rule != RuleUnreadable {
		if mode, key, what := r.mode(res); mode == Monitor {
			v.Action, v.Code, v.RedirectTo = Accept, "", ""
			v.Overrides = append(v.Overrides, Override{Reason: ReasonLocalPolicy, By: key, Text: what})
		}
	}
	if !v.Action.Delivers() {
		v.AuthenticationResults = r.authenticationResults(res, v)
		return v // the message is not ours to edit
	}
	v.Remove = slices.Clip(res.Claims)
	own.edit(&v, res)
	if by := r.tagged(own.rule); v.Intended == Quarantine && v.Action == Quarantine && by != "" {
		v.Action = Accept
		v.Overrides = append(v.Overrides, Override{Reason: ReasonLocalPolicy, By: by, Text: "tag"})
		v.Insert = append(v.Insert, message.NewField(QuarantineField, " "+v.Text))
	}
	if v.AuthenticationResults = r.authenticationResults(res, v); v.AuthenticationResults != "" {
		v.Insert = append(v.Insert, message.NewField(authres.FieldName, v.AuthenticationResults))
	}
	return v
}

// tagged says what makes a message that is to be held be delivered with a mark
// instead; "" if nothing does.
func (r Rules) tagged(rule *CustomRule) string {
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

func (r Rules) judge(res *Results, own *custom) Verdict {
	switch {
	case res.ClaimsIncomplete:
		return unreadable
	case res.Exempt != "":
		return Verdict{Action: Accept, Rule: RuleExempt, Text: res.Exempt}
	case len(res.Faults) > 0 && r.OnFault != FaultAccept:
		return Verdict{
			Action: TempFail, Rule: RuleFault, Code: "451 4.3.0",
			Text: "The sender's authentication could not be checked because of an internal error; please try again later",
		}
	case res.Oversize != "":
		return Verdict{Action: Reject, Rule: RuleOversize, Code: "552 5.3.4", Text: "Message refused: " + res.Oversize}
	}
	if own.ask(r.Custom, res); own.rule != nil {
		return own.verdict
	}
	switch {
	case res.Author.Absent && res.MailFrom == "":
		// A bounce from "MAILER-DAEMON": it names nobody's domain, and is lost for
		// good if it is refused.
		return Verdict{Action: Accept, Rule: RuleNoAuthor}
	case res.Author.Domain == "" && res.Author.Problem != "" && r.OnAmbiguousAuthor != AuthorAccept:
		text := authorProblem(res.Author)
		if r.OnAmbiguousAuthor == AuthorHold {
			return Verdict{Action: Quarantine, Rule: RuleAmbiguousAuthor, Text: text}
		}
		return Verdict{Action: Reject, Rule: RuleAmbiguousAuthor, Code: "550 5.7.1", Text: "Message refused: " + text}
	}
	return r.readyMade(res)
}

var unreadable = Verdict{
	Action: TempFail, Rule: RuleUnreadable, Code: "451 4.3.0",
	Text: "The message holds more fields in the name of this server than can be removed",
}

func enforced(p dmarc.Policy) bool {
	return p == dmarc.PolicyQuarantine || p == dmarc.PolicyReject
}

func (r Rules) judgeDMARC(res *Results) Verdict {
	d := res.DMARC
	switch d.Status {
	case dmarc.TempError:
		if res.Client.Inside {
			// No forger from outside can bring this about, and it would be so for ever.
			return Verdict{Action: Accept, Rule: RuleTempError}
		}
		code, why := "451 4.4.3", "because of DNS trouble"
		if res.Client.Hidden != "" {
			// Why is for the log: it tells of our own network. X.3.5 is "system
			// incorrectly configured".
			code, why = "451 4.3.5", "as the client behind the relay is not known"
		}
		text := "DMARC of " + d.AuthorDomain + " could not be evaluated " + why + "; please try again later"
		if r.OnTempError == TempErrorDefer || enforced(d.Policy) || enforced(d.Suspected) {
			return Verdict{Action: TempFail, Rule: RuleTempError, Code: code, Text: text}
		}
		return Verdict{Action: Accept, Rule: RuleTempError}
	case dmarc.Pass:
		return Verdict{Action: Accept, Rule: RuleDMARCPass}
	case dmarc.Fail:
		switch {
		case d.Disposition == dmarc.PolicyReject:
			return Verdict{Action: Reject, Rule: RuleDMARCReject, Code: "550 5.7.26", Text: failText(res)}
		case d.Disposition == dmarc.PolicyQuarantine && r.Quarantine == QuarantineReject:
			return Verdict{Action: Reject, Rule: RuleDMARCQuarantine, Code: "550 5.7.26", Text: failText(res)}
		case d.Disposition == dmarc.PolicyQuarantine:
			return Verdict{Action: Quarantine, Rule: RuleDMARCQuarantine, Text: failText(res)}
		}
		return Verdict{Action: Accept, Rule: RuleDMARCNone}
	}
	return Verdict{Action: Accept, Rule: RuleNoPolicy}
}

// BuiltinRules are the names that no rule of the admin's own may have.
func BuiltinRules() []string {
	return []string{
		RuleUnreadable, RuleExempt, RuleFault, RuleOversize, RuleNoAuthor, RuleAmbiguousAuthor, RuleTempError,
		RuleDMARCReject, RuleDMARCQuarantine, RuleDMARCNone, RuleDMARCPass, RuleNoPolicy,
		RuleAuthorOverride, RuleTrustedForwarder, RuleTrustedSealer, RuleMailingList, RuleSenderDomain, RuleOwnDomain, RuleUnsigned,
		RuleSPFFail, RuleSPFSoftfail, RuleSPFPermError, RuleSPFTempError, RuleDegraded,
	}
}
