package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Rule is one of the administrator's own rules. It matches if all its tests and its
// condition hold. A matching rule with an action decides, and later rules do not
// apply. A matching rule without an action edits the header, and the next rule
// follows.
//
// A rule rejects or discards a message only on evidence. If it uses a fact that a DNS
// failure or a relay hides, the message is deferred instead. This does not concern a
// rule that names the word temperror, because its author has considered failures.
type Rule struct {
	// Name is unique among the rules, of letters a to z, digits and hyphens.
	Name, Comment string

	Tests []*condition.Test
	If    *condition.Condition // nil for none

	// Action is what is done; "" for a rule that only edits.
	Action result.Action
	// Quarantine is QuarantineHold or QuarantineTag if Action is Quarantine.
	Quarantine Quarantine
	// RedirectTo is the address that gets the message instead of its recipients
	// if Action is Redirect.
	RedirectTo string
	// Code is the reply and enhanced code; "" is DefaultRejectCode or
	// DefaultTempFailCode.
	Code string
	// Text is the reply's text, or the reason of a quarantine. The default is a
	// sentence with the rule's name.
	Text explain.Template
	// Reason is the override reason in reports if the rule overrides what the
	// author's domain asks for. The default is local_policy.
	Reason result.OverrideReason
	// Add are fields to put on top, the last one uppermost. Remove are the names of
	// fields to remove.
	Add    []Addition
	Remove []string
	// Outbound is true for a rule about mail of our users. Other mail does not meet it, and
	// it is asked although such mail is not checked.
	Outbound bool
	// Sign is the selector of the key that signs what the rule matches, or SignNone; "" if
	// the rule says nothing about that. The rule is Outbound.
	Sign string
	// Until is when the rule ends; the zero time for never.
	Until time.Time
	// Monitor is true for a rule whose matches are only recorded.
	Monitor bool
}

// The reply codes of rules without a code.
const (
	DefaultRejectCode   = "550 5.7.1"
	DefaultTempFailCode = "451 4.7.1"
)

// Addition is a field that a rule adds.
type Addition struct {
	Name  string
	Value explain.Template
}

// customResult is the outcome of the administrator's own rules for a message.
type customResult struct {
	rule    *Rule // the rule that decided, nil if none did
	matched []result.RuleMatch
	faults  []string
	insert  []message.Field
	remove  []string
}

// applyCustom applies the administrator's own rules in order, up to the first that
// decides. Those for mail of our users were asked before.
func (r *Rules) applyCustom(d *decision) {
	r.ask(d, func(rule *Rule) bool { return !rule.Outbound })
}

// ask applies the rules that belong in order, up to the first that decides.
func (r *Rules) ask(d *decision, belongs func(*Rule) bool) {
	if len(r.Custom) == 0 {
		return
	}
	res, c := d.results, &d.custom
	facts := factsOf(res)
	for i := range r.Custom {
		rule := &r.Custom[i]
		if !belongs(rule) || ended(rule.Until, res.Arrived) || !d.matches(rule, facts) {
			continue
		}
		c.matched = append(c.matched, result.RuleMatch{Rule: rule.Name, Action: rule.Action, Monitor: rule.Monitor})
		if rule.Monitor {
			continue
		}
		for _, a := range rule.Add {
			c.insert = append(c.insert, message.NewField(a.Name, " "+a.Value.Fill(res, rule.Name, maxAddition)))
		}
		c.remove = append(c.remove, rule.Remove...)
		if rule.Action != "" {
			c.rule, d.verdict = rule, rule.verdict(res)
			return
		}
	}
}

// matches reports whether a rule matches. The tests come first because they are cheap.
// A condition that ends in an error does not hold.
func (c *customResult) matches(rule *Rule, facts *condition.Facts) bool {
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
		c.faults = append(c.faults, fmt.Sprintf("rule %s was passed over: %s", rule.Name, foreign.Line(err.Error(), 200)))
	}
	return holds
}

// verdict returns the verdict of a rule that decides.
func (r *Rule) verdict(res *result.Results) result.Verdict {
	// These actions cannot be undone, and a DNS failure is not evidence.
	if (r.Action == result.Reject || r.Action == result.Discard) && r.restsOnUndecided(res) {
		v := postponed(r.Name, "The sender could not be checked (rule "+r.Name+")")
		if res.Client.Hidden != "" {
			v.Code = replyRelay // as for DMARC: our own network is at fault
		}
		return v
	}
	v := result.Verdict{Action: r.Action, Rule: r.Name, Code: r.Code, RedirectTo: r.RedirectTo}
	switch {
	case v.Action == result.Reject && v.Code == "":
		v.Code = DefaultRejectCode
	case v.Action == result.TempFail && v.Code == "":
		v.Code = DefaultTempFailCode
	}
	v.Text = r.Text.Fill(res, r.Name, explain.MaxReply)
	if v.Text == "" {
		v.Text = defaultTexts[v.Action]
		if v.Text != "" {
			v.Text += " (rule " + r.Name + ")"
		}
	}
	return v
}

var defaultTexts = map[result.Action]string{
	result.Reject:     "Message refused by local policy",
	result.TempFail:   "Message not accepted now by local policy, please try again later",
	result.Quarantine: "Held by local policy",
}

// override returns the override by the rule that decided. It returns false if no rule
// decided, or if the rule's action is what the author's domain asks for.
func (c *customResult) override(res *result.Results) (result.Override, bool) {
	if c.rule == nil || c.rule.Action == asked(res) {
		return result.Override{}, false
	}
	reason := c.rule.Reason
	if reason == "" {
		reason = result.ReasonLocalPolicy
	}
	return result.Override{Reason: reason, By: "rule " + c.rule.Name, Text: foreign.Line(c.rule.Comment, 200)}, true
}

// asked returns the action that the author's domain asks for.
func asked(res *result.Results) result.Action {
	if res.DMARC.Status == dmarc.Fail {
		switch res.DMARC.Disposition {
		case dmarc.PolicyReject:
			return result.Reject
		case dmarc.PolicyQuarantine:
			return result.Quarantine
		}
	}
	return result.Accept
}

// edit adds the edits of the rules to a verdict that delivers the message.
func (c *customResult) edit(v *result.Verdict, res *result.Results) {
	v.Insert = append(v.Insert, c.insert...)
	for i, name := range c.remove {
		if slices.ContainsFunc(c.remove[:i], func(s string) bool { return strings.EqualFold(s, name) }) {
			continue // each name once, since a sender chooses the number of fields
		}
		n := res.Header.Count(name)
		for k := 1; k <= n; k++ {
			v.Remove = append(v.Remove, result.FieldRef{Name: name, Occurrence: k})
		}
	}
}

// maxAddition bounds the value of an added field below the 998 octets of a line
// (RFC 5322 section 2.1.1).
const maxAddition = 900
