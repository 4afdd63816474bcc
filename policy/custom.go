package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// CustomRule is a rule of the admin's own. It matches if all its tests and its
// condition hold. With an action it decides, and no later rule is asked; without
// one it edits the header, and the next rule is asked.
//
// A rule that refuses or discards does so on evidence alone: where it asks for
// something that DNS trouble or a relay hides, the message is deferred, unless the rule names
// the word temperror and so has thought of it.
type CustomRule struct {
	// Name is unique among the rules, of letters a to z, digits and hyphens.
	Name, Comment string

	Tests []*condition.Test
	If    *condition.Condition // nil for none

	// Action is what is done; "" for a rule that only edits.
	Action Action
	// Quarantine is QuarantineHold or QuarantineTag where Action is Quarantine.
	Quarantine string
	// RedirectTo is the address that gets the message instead of its recipients
	// where Action is Redirect.
	RedirectTo string
	// Code is the reply and enhanced code; "" is DefaultRejectCode or
	// DefaultTempFailCode.
	Code string
	// Text is that of the reply, or the reason of a quarantine. Empty: a sentence
	// with the rule's name.
	Text Template
	// Reason is the word for reports where the rule overrides what the author's
	// domain asks for. Default local_policy.
	Reason OverrideReason
	// Add are fields to put on top, the last one uppermost, and Remove the names
	// of fields to take out.
	Add    []Addition
	Remove []string
	// Monitor tells that the rule is only noted where it matches.
	Monitor bool
}

// The reply codes of rules that name none.
const (
	DefaultRejectCode   = "550 5.7.1"
	DefaultTempFailCode = "451 4.7.1"
)

// Addition is a field that a rule adds.
type Addition struct {
	Name  string
	Value Template
}

// RuleMatch is a rule of the admin's own that matched.
type RuleMatch struct {
	Rule string `json:"rule"`
	// Action is the rule's; "" for one that only edits.
	Action Action `json:"action"`
	// Monitor tells that the rule was only noted.
	Monitor bool `json:"monitor"`
}

// custom is what the admin's own rules made of a message.
type custom struct {
	rule    *CustomRule // which decided, nil if none did
	verdict Verdict
	matched []RuleMatch
	faults  []string
	insert  []message.Field
	remove  []string
}

// ask goes through the rules in order.
func (c *custom) ask(rules []CustomRule, res *Results) {
	if len(rules) == 0 {
		return
	}
	facts := factsOf(res)
	for i := range rules {
		rule := &rules[i]
		if !c.matches(rule, facts) {
			continue
		}
		c.matched = append(c.matched, RuleMatch{Rule: rule.Name, Action: rule.Action, Monitor: rule.Monitor})
		if rule.Monitor {
			continue
		}
		for _, a := range rule.Add {
			c.insert = append(c.insert, message.NewField(a.Name, " "+a.Value.fill(res, rule.Name, maxAddition)))
		}
		c.remove = append(c.remove, rule.Remove...)
		if rule.Action != "" {
			c.decide(rule, res)
			return
		}
	}
}

// matches asks the tests first: they cost next to nothing. A condition that
// fails does not hold.
func (c *custom) matches(rule *CustomRule, facts *condition.Facts) bool {
	for _, t := range rule.Tests {
		if !t.Holds(facts) {
			return false
		}
	}
	if rule.If == nil {
		return true
	}
	holds, err := rule.If.Holds(facts)
	if err != nil {
		c.faults = append(c.faults, fmt.Sprintf("rule %s was passed over: %s", rule.Name, printable(err.Error(), 200)))
	}
	return holds
}

func (c *custom) decide(rule *CustomRule, res *Results) {
	v := Verdict{Action: rule.Action, Rule: rule.Name, Code: rule.Code, RedirectTo: rule.RedirectTo}
	switch {
	case v.Action == Reject && v.Code == "":
		v.Code = DefaultRejectCode
	case v.Action == TempFail && v.Code == "":
		v.Code = DefaultTempFailCode
	}
	v.Text = rule.Text.fill(res, rule.Name, maxReply)
	if v.Text == "" {
		v.Text = defaultTexts[v.Action]
		if v.Text != "" {
			v.Text += " (rule " + rule.Name + ")"
		}
	}
	// DNS trouble is no evidence: what cannot be taken back has to wait.
	if (v.Action == Reject || v.Action == Discard) && rule.blind(res) {
		v = v.deferred(rule.Name, "The sender could not be checked (rule "+rule.Name+")")
		if res.Client.Hidden != "" {
			v.Code = "451 4.3.5" // as for DMARC: it is our own network's fault
		}
	}
	c.rule, c.verdict = rule, v
}

var defaultTexts = map[Action]string{
	Reject:     "Message refused by local policy",
	TempFail:   "Message not accepted now by local policy, please try again later",
	Quarantine: "Held by local policy",
}

// override is the evidence that the rule turned the action away from what the
// author's domain asks for; false if it did not.
func (c *custom) override(res *Results) (Override, bool) {
	if c.rule == nil || c.rule.Action == asked(res) {
		return Override{}, false
	}
	reason := c.rule.Reason
	if reason == "" {
		reason = ReasonLocalPolicy
	}
	return Override{Reason: reason, By: "rule " + c.rule.Name, Text: printable(c.rule.Comment, 200)}, true
}

// asked is what the author's domain asks for.
func asked(res *Results) Action {
	if res.DMARC.Status == dmarc.Fail {
		switch res.DMARC.Disposition {
		case dmarc.PolicyReject:
			return Reject
		case dmarc.PolicyQuarantine:
			return Quarantine
		}
	}
	return Accept
}

// edit puts the edits of the rules into a verdict that delivers the message.
func (c *custom) edit(v *Verdict, res *Results) {
	v.Insert = append(v.Insert, c.insert...)
	for i, name := range c.remove {
		if slices.ContainsFunc(c.remove[:i], func(s string) bool { return strings.EqualFold(s, name) }) {
			continue // a sender chooses how many fields there are, for each rule
		}
		n := res.Header.Count(name)
		for k := 1; k <= n; k++ {
			v.Remove = append(v.Remove, FieldRef{Name: name, Occurrence: k})
		}
	}
}

// Differs reports whether two verdicts on a message do different things to it.
// Only names and texts of rules may differ otherwise.
func (v Verdict) Differs(w Verdict) bool {
	return v.Action != w.Action || v.Intended != w.Intended || v.Code != w.Code || v.RedirectTo != w.RedirectTo ||
		edits(v) != edits(w)
}

// edits lists what a verdict does to the header, but for our own results.
func edits(v Verdict) string {
	var b strings.Builder
	for _, r := range v.Remove {
		fmt.Fprintf(&b, "-%s %d\n", r.Name, r.Occurrence)
	}
	for _, f := range v.Insert {
		if !f.Is(ResultsField) {
			b.WriteString("+" + f.Raw)
		}
	}
	return b.String()
}
