package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/result"
)

// Lacks is a set of facts that are not known of a stored message.
type Lacks uint8

// The facts that may be missing. A local part that is missing leaves the domain.
const (
	// LacksMailFrom is for the local part of MAIL FROM, LacksRcpts for those of the
	// recipients and their number, and LacksRcptDomains for some recipients.
	LacksMailFrom Lacks = 1 << iota
	LacksRcpts
	LacksRcptDomains
	// LacksUser is for the name of the login, and LacksIdentity for the local parts in
	// signatures.
	LacksUser
	LacksIdentity
	// LacksSenderDomain is for Results.SenderDomains, which was not asked for.
	LacksSenderDomain
	// LacksEvidence is for Results.Evidence, which was not gathered, or without the
	// lookups that on_reject = "judge" has made.
	LacksEvidence
)

// lackNames are the names of the facts in conditions; SenderDomains and Evidence have none
// there.
var lackNames = []string{"mail_from", "rcpts", "rcpt_domains", "user", "signatures.identity", "sender_domain", "evidence"}

func (l Lacks) has(one Lacks) bool { return l&one != 0 }

// String returns the name of a single fact.
func (l Lacks) String() string {
	for i, name := range lackNames {
		if l == 1<<i {
			return name
		}
	}
	return ""
}

// unknown reports whether a fact of conditions is not known.
func (l Lacks) unknown(fact string) bool {
	switch fact {
	case "mail_from":
		return l.has(LacksMailFrom)
	case "rcpts":
		return l.has(LacksRcpts | LacksRcptDomains)
	case "rcpt_domains":
		return l.has(LacksRcptDomains)
	case "user":
		return l.has(LacksUser)
	case "signatures":
		return l.has(LacksIdentity)
	}
	return false
}

// hidesTest reports whether nobody knows whether a test holds.
func (l Lacks) hidesTest(t *condition.Test) bool {
	switch t.Key().Name {
	case "mail_from":
		return l.has(LacksMailFrom) && t.NamesMailbox()
	case "to":
		return l.has(LacksRcptDomains) || l.has(LacksRcpts) && t.NamesMailbox()
	case "user":
		return l.has(LacksUser)
	}
	return false
}

// of returns the names of the missing facts that a rule asks about.
func (l Lacks) of(rule *Rule) (facts []string) {
	for _, t := range rule.Tests {
		if l.hidesTest(t) {
			facts = append(facts, map[string]string{"mail_from": "mail_from", "to": "rcpts", "user": "user"}[t.Key().Name])
		}
	}
	if rule.If != nil {
		for _, fact := range []string{"mail_from", "rcpts", "rcpt_domains", "user"} {
			if l.unknown(fact) && rule.If.Uses(fact) && !slices.Contains(facts, fact) {
				facts = append(facts, fact)
			}
		}
		if l.has(LacksIdentity) && rule.If.Uses(".identity") {
			facts = append(facts, LacksIdentity.String())
		}
	}
	return facts
}

// Doubt is a question about facts that are not known, on which a decision may depend.
type Doubt struct {
	// Rule is the administrator's own rule that asks; Key the key of the configuration
	// if none does.
	Rule, Key string
	// Facts are the names of the facts.
	Facts []string
}

// stored is the part of a decision about a stored message that is about missing facts.
type stored struct {
	lacks  Lacks
	doubts []Doubt
	// assume is the number of the doubt that is decided with yes, from 1; all others are
	// decided with no.
	assume int
}

// doubt notes a question that cannot be answered, and returns the assumed answer.
func (s *stored) doubt(x Doubt) bool {
	s.doubts = append(s.doubts, x)
	return len(s.doubts) == s.assume
}

// matches reports whether a rule matches. Of a stored message this may be in doubt, if the
// rule decides.
func (d *decision) matches(rule *Rule, facts *condition.Facts) bool {
	l := d.stored.lacks
	if l == 0 || rule.Action == "" || rule.Monitor {
		return d.custom.matches(rule, facts)
	}
	missing := l.of(rule)
	if len(missing) == 0 {
		return d.custom.matches(rule, facts)
	}
	for _, t := range rule.Tests {
		if !l.hidesTest(t) && !t.Holds(facts) {
			return false
		}
	}
	if rule.If != nil && rule.If.CannotHold(facts, l.unknown) {
		return false
	}
	return d.stored.doubt(Doubt{Rule: rule.Name, Facts: missing})
}

// maxDoubts bounds the questions whose answers are tried for one message.
const maxDoubts = 4

// ReplayStored decides about a stored message as [Rules.Replay] does. lacks are the facts
// that are not known, doubts the questions about them. certain is true if the
// action is the same whatever the answers are; the verdict is that if all are no. It
// has neither sentences nor edits.
func (r Rules) ReplayStored(early, res *result.Results, lacks Lacks) (v result.Verdict, doubts []Doubt, certain bool) {
	if v, refused := r.Early(early); refused {
		return v, nil, true
	}
	r.at(res.Arrived)
	d := r.judge(res, stored{lacks: lacks})
	v, doubts = d.verdict, d.stored.doubts
	if len(doubts) > maxDoubts {
		return v, doubts, false
	}
	for i := range doubts {
		if w := r.judge(res, stored{lacks: lacks, assume: i + 1}).verdict; w.Action != v.Action || w.Intended != v.Intended || w.RedirectTo != v.RedirectTo {
			return v, doubts, false
		}
	}
	return v, doubts, true
}

// judge takes all steps, without the edits and sentences of a verdict.
func (r *Rules) judge(res *result.Results, s stored) *decision {
	d := &decision{results: res, stored: s}
	r.take(d, stepUnreadable, stepMode)
	d.conclude()
	r.take(d, stepMode, stepEnd)
	return d
}
