package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// step is an index of the table of steps.
type step int

// The steps are in the order in which they are taken. The table below describes
// each.
const (
	stepUnreadable step = iota
	stepKeyError
	stepReportBounce
	stepExempt
	stepFault
	stepOversize
	stepCustom
	stepNoAuthor
	stepAmbiguousAuthor
	stepTempError
	stepDMARCPass
	stepDMARCReject
	stepDMARCQuarantine
	stepDMARCNone
	stepNoPolicy
	stepDMARCMark
	stepAuthorOverride
	stepForwarder
	stepSealer
	stepMailingList
	stepJudgement
	stepSenderDomain
	stepOwnDomain
	stepUnsigned
	stepSPFFail
	stepSPFSoftfail
	stepSPFPermError
	stepSPFTempError
	stepReportWithoutPass
	stepDegraded
	stepForwarderUndecided
	stepExemptUndecided
	stepMode
	stepTag
	stepEnd
)

// Part is a part of the order of decisions.
type Part int

// In the parts up to PartDMARC the first step that applies decides. The steps of
// PartChange then change what PartDMARC decided, one after the other. The steps of
// PartLast are taken for every message.
const (
	PartFirst Part = iota
	PartCustom
	PartAuthor
	PartDMARC
	PartChange
	PartLast
)

// Step is one row of the order of decisions.
type Step struct {
	step step
	Part Part
	// Rule is the rule of the step's verdicts. It is "" for a step that keeps the
	// rule of the verdict so far, and for the administrator's own rules.
	Rule string
	// Keys are the keys of the configuration that change the step: those of the
	// section policy, a section in brackets, or others with their section.
	Keys []string
	// When says in words when the step applies.
	When string
	// On are the actions that a step of PartChange or PartLast may change. To are
	// the actions that the step leads to.
	On, To Actions
	// Codes are the replies that the step may give.
	Codes []Code
	// AtRCPT is true if the step may also decide before the message is sent, see
	// [Rules.Early].
	AtRCPT bool
}

// Code is an SMTP reply code with an enhanced status code. If a step has several,
// For says when this one is used.
type Code struct{ Reply, For string }

// Actions is a set of actions.
type Actions uint8

// actions returns a set of the actions.
func actions(list ...result.Action) Actions {
	var set Actions
	for _, a := range list {
		set |= bit(a)
	}
	return set
}

// Has reports whether an action is in the set.
func (s Actions) Has(a result.Action) bool { return s&bit(a) != 0 }

// bit returns the set of one action, the empty set for an unknown one.
func bit(a result.Action) Actions {
	switch a {
	case result.Accept:
		return 1
	case result.Quarantine:
		return 2
	case result.Reject:
		return 4
	case result.TempFail:
		return 8
	case result.Redirect:
		return 16
	case result.Discard:
		return 32
	}
	return 0
}

var (
	accept     = actions(result.Accept)
	quarantine = actions(result.Quarantine)
	reject     = actions(result.Reject)
	tempFail   = actions(result.TempFail)
	withhold   = actions(result.Redirect, result.Discard)
)

// steps is the order of decisions. [Rules.Decide] takes the steps from top to
// bottom. "postvet policy explain" and the metrics read this table, and a test
// compares the README's tables with it.
var steps = [stepEnd]Step{
	stepUnreadable: {
		Part: PartFirst, Rule: result.RuleUnreadable,
		When: "more fields in our name than can be removed",
		To:   tempFail, Codes: []Code{{Reply: "451 4.3.0"}},
	},
	stepKeyError: {
		Part: PartFirst, Rule: result.RuleKeyError, Keys: []string{"sign.on_key_error"},
		When: "mail of your users whose key cannot be read",
		To:   tempFail, Codes: []Code{{Reply: "451 4.3.0"}},
	},
	stepReportBounce: {
		Part: PartFirst, Rule: result.RuleReportBounce, Keys: []string{"report.bounce"},
		When: "a bounce of our DMARC report",
		To:   actions(result.Discard),
	},
	stepExempt: {
		Part: PartFirst, Rule: result.RuleExempt, Keys: []string{"[exempt]", "[seal]"},
		When: "a client of [exempt] (trusted address or name, logged in, or local) or of [seal]",
		To:   accept,
	},
	stepFault: {
		Part: PartFirst, Rule: result.RuleFault, Keys: []string{"on_fault"},
		When: "Postvet itself failed on the message, or this machine on its lookups",
		To:   tempFail, Codes: []Code{{Reply: "451 4.3.0"}},
	},
	stepOversize: {
		Part: PartFirst, Rule: result.RuleOversize, Keys: []string{"[limits]"},
		When: "a header or body over the limits",
		To:   reject, Codes: []Code{{Reply: "552 5.3.4"}},
	},

	stepCustom: {
		Part: PartCustom, Keys: []string{"rules", "[[rule]]"},
		When: "a rule of your own",
		To:   accept | quarantine | reject | tempFail | withhold,
		Codes: []Code{
			{Reply: DefaultRejectCode, For: "where a rule that rejects names none"},
			{Reply: DefaultTempFailCode, For: "where a rule that defers names none"},
		},
	},

	stepNoAuthor: {
		Part: PartAuthor, Rule: result.RuleNoAuthor,
		When: "a bounce whose From names no domain",
		To:   accept,
	},
	stepAmbiguousAuthor: {
		Part: PartAuthor, Rule: result.RuleAmbiguousAuthor, Keys: []string{"on_ambiguous_author"},
		When: "not exactly one author domain",
		To:   reject | quarantine, Codes: []Code{{Reply: "550 5.7.1"}},
	},

	stepTempError: {
		Part: PartDMARC, Rule: result.RuleTempError, Keys: []string{"on_temperror"},
		When: "a DNS failure left DMARC open",
		To:   accept | tempFail,
		Codes: []Code{
			{Reply: replyDNS},
			{Reply: replyRelay, For: "where the client behind a relay is not known"},
		},
	},
	stepDMARCPass: {
		Part: PartDMARC, Rule: result.RuleDMARCPass,
		When: "DMARC pass",
		To:   accept,
	},
	stepDMARCReject: {
		Part: PartDMARC, Rule: result.RuleDMARCReject,
		When: "DMARC fail, and the domain asks for reject",
		To:   reject, Codes: []Code{{Reply: "550 5.7.26"}},
	},
	stepDMARCQuarantine: {
		Part: PartDMARC, Rule: result.RuleDMARCQuarantine, Keys: []string{"quarantine"},
		When: "DMARC fail, and the domain asks for quarantine",
		To:   quarantine | reject, Codes: []Code{{Reply: "550 5.7.26"}},
	},
	stepDMARCNone: {
		Part: PartDMARC, Rule: result.RuleDMARCNone,
		When: "DMARC fail, and the domain asks for nothing",
		To:   accept,
	},
	stepNoPolicy: {
		Part: PartDMARC, Rule: result.RuleNoPolicy,
		When: "no DMARC policy",
		To:   accept,
	},

	stepDMARCMark: {
		Part: PartChange, Keys: []string{"dmarc"},
		When: "it would be refused or held by DMARC, whose policies are only noted",
		On:   reject | quarantine | tempFail, To: accept,
	},
	stepAuthorOverride: {
		Part: PartChange, Rule: result.RuleAuthorOverride, Keys: []string{"[author_overrides]"},
		When: "the author is of a domain of [author_overrides] or below, and DMARC does not pass",
		On:   accept | quarantine | reject | tempFail, To: accept | quarantine | reject,
		Codes: []Code{{Reply: "550 5.7.26"}},
	},
	stepForwarder: {
		Part: PartChange, Rule: result.RuleTrustedForwarder, Keys: []string{"trust.forwarders"},
		When: "the client or a signer is one of trust.forwarders",
		On:   quarantine | reject | tempFail, To: accept,
	},
	stepSealer: {
		Part: PartChange, Rule: result.RuleTrustedSealer, Keys: []string{"trust.sealers"},
		When: "it would be refused or held, and sealers of trust.sealers saw the author authenticated",
		On:   quarantine | reject, To: accept,
	},
	stepMailingList: {
		Part: PartChange, Rule: result.RuleMailingList, Keys: []string{"mailing_lists"},
		When: "it would be refused or held, and looks like the work of a mailing list",
		On:   quarantine | reject, To: accept | quarantine,
	},
	stepJudgement: {
		Part: PartChange, Rule: result.RuleJudgement, Keys: []string{"on_reject"},
		When: "it would be refused because its domain asks for reject, and the evidence does not speak for a forgery",
		On:   reject, To: quarantine,
	},
	stepSenderDomain: {
		Part: PartChange, Rule: result.RuleSenderDomain, Keys: []string{"sender_domain"},
		When: "a domain of the sender accepts no mail, and nobody was trusted above",
		On:   accept | quarantine | reject, To: reject,
		Codes: []Code{
			{Reply: "550 5.7.27", For: "for a null MX"},              // RFC 7505 section 4.2
			{Reply: "550 5.1.8", For: "without a domain or address"}, // RFC 3463 section 3.2: bad sender's system address
		},
	},
	stepOwnDomain: {
		Part: PartChange, Rule: result.RuleOwnDomain, Keys: []string{"on_own_domain", "own_domains"},
		When: "a stranger uses one of policy.own_domains without proof",
		On:   demandable, To: quarantine | reject,
		Codes: []Code{{Reply: "550 5.7.1"}},
	},
	stepUnsigned: {
		Part: PartChange, Rule: result.RuleUnsigned, Keys: []string{"on_unsigned", "signing_domains"},
		When: "the author is of policy.signing_domains, which did not sign",
		On:   demandable, To: quarantine | reject,
		// RFC 7372 section 3.1: no signature passes, or none that matches the author.
		Codes: []Code{{Reply: "550 5.7.20"}, {Reply: "550 5.7.22"}},
	},
	stepSPFFail: {
		Part: PartChange, Rule: result.RuleSPFFail, Keys: []string{"spf_fail", "spf_early"},
		When: "SPF fail, and no signature of the same domain",
		On:   demandable, To: quarantine | reject,
		Codes: []Code{{Reply: "550 5.7.23"}}, AtRCPT: true,
	},
	stepSPFSoftfail: {
		Part: PartChange, Rule: result.RuleSPFSoftfail, Keys: []string{"spf_softfail", "spf_early"},
		When: "SPF softfail, and no signature of the same domain",
		On:   demandable, To: quarantine | reject,
		Codes: []Code{{Reply: "550 5.7.23"}}, AtRCPT: true,
	},
	stepSPFPermError: {
		Part: PartChange, Rule: result.RuleSPFPermError, Keys: []string{"spf_permerror", "spf_early"},
		When: "SPF permerror, and no signature of the same domain",
		On:   demandable, To: quarantine | reject,
		Codes: []Code{{Reply: "550 5.7.24"}}, AtRCPT: true,
	},
	stepSPFTempError: {
		Part: PartChange, Rule: result.RuleSPFTempError, Keys: []string{"on_temperror"},
		When: "SPF temperror, and no signature of the same domain",
		On:   demandable, To: tempFail,
		Codes: []Code{{Reply: "451 4.7.24"}}, AtRCPT: true,
	},
	stepReportWithoutPass: {
		Part: PartChange, Rule: result.RuleReportWithoutPass, Keys: []string{"report.require_pass"},
		When: "mail for report.inbox, and DMARC does not pass",
		On:   accept | quarantine | tempFail, To: reject,
		Codes: []Code{{Reply: "550 5.7.1"}},
	},
	stepDegraded: {
		Part: PartChange, Rule: result.RuleDegraded, Keys: []string{"on_degraded"},
		When: "lookups for this message failed because our resolvers fail",
		On:   accept | quarantine | reject | tempFail, To: accept | tempFail,
		Codes: []Code{{Reply: replyDNS}},
	},
	stepForwarderUndecided: {
		Part: PartChange, Rule: result.RuleTempError, Keys: []string{"trust.forwarders"},
		When: "a DNS failure hides whether the client or a signer is one of trust.forwarders",
		On:   reject, To: tempFail,
		Codes: []Code{{Reply: replyDNS}},
	},

	stepExemptUndecided: {
		Part: PartLast, Rule: result.RuleTempError, Keys: []string{"[exempt]"},
		When: "a DNS failure hides whether the client is exempt by its name",
		On:   reject | withhold, To: tempFail,
		Codes: []Code{{Reply: replyDNS}},
	},
	stepMode: {
		Part: PartLast, Keys: []string{"mode", "monitor_*", "enforce_domains"},
		When: "mail that is only monitored",
		On:   quarantine | reject | tempFail | withhold, To: accept,
	},
	stepTag: {
		Part: PartLast, Keys: []string{"quarantine"},
		When: "it would be held, and the configuration or the MTA wants a tag instead",
		On:   quarantine, To: accept | tempFail,
		Codes: []Code{{Reply: "451 4.7.1"}}, // by filter, if the MTA adds no fields
	},
}

// demandable are the actions that a demand of [Local] may replace: acceptance, and
// the actions of the demands before it.
var demandable = accept | quarantine | tempFail

// replyDNS is the reply after a DNS failure (RFC 3463 section 3.5, X.4.3: directory
// server failure). replyRelay is the reply after a failure of our own network (section
// 3.4, X.3.5: system incorrectly configured).
const (
	replyDNS   = "451 4.4.3"
	replyRelay = "451 4.3.5"
)

// Steps returns the order of decisions. The caller must not modify its slices.
func Steps() []Step {
	list := slices.Clone(steps[:])
	for i := range list {
		list[i].step = step(i)
	}
	return list
}

// BuiltinRules returns the names of the rules of all steps. The administrator's own
// rules must have other names.
func BuiltinRules() []string {
	var names []string
	for _, s := range steps {
		if s.Rule != "" && !slices.Contains(names, s.Rule) {
			names = append(names, s.Rule)
		}
	}
	return names
}
