package result

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// Action is the action for a message.
type Action string

// The actions.
const (
	Accept     Action = "accept"
	Quarantine Action = "quarantine"
	Reject     Action = "reject"
	TempFail   Action = "tempfail"
	// Redirect sends the message to another address instead of its recipients.
	// Discard accepts the message and drops it. Only the administrator's own rules
	// lead to these two, and the rule about bounces of our reports to Discard.
	Redirect Action = "redirect"
	Discard  Action = "discard"
)

// Delivers reports whether the message is delivered or held. Its header may then be
// edited.
func (a Action) Delivers() bool { return a == Accept || a == Quarantine || a == Redirect }

// Verdict is the decision about one message.
type Verdict struct {
	Action Action `json:"action"`
	// Intended is the action that the rules chose before the mode applied.
	Intended Action `json:"intended"`
	// Monitored is true if the mode accepted the message, whatever Intended is.
	Monitored bool `json:"-"`
	// Code is the SMTP reply code and enhanced status code, such as "550 5.7.26"; ""
	// unless the message is rejected or deferred.
	Code string `json:"code"`
	// Text is the reply's text or the reason of the quarantine: printable ASCII,
	// one line, at most 450 octets. '%' is not doubled.
	Text string `json:"text"`
	// Sentence is Text without the advice, the reference and the help URL of a refusal.
	Sentence string `json:"-"`
	// Rule is the name of the rule that decided.
	Rule string `json:"rule"`
	// Judgement is what the evidence led to, "refuse" or "hold", if it was asked; ""
	// otherwise.
	Judgement string `json:"judgement,omitempty"`
	// Overrides are the exceptions from what the author's domain asks for, in the
	// order of decisions.
	Overrides []Override `json:"overrides"`
	// Why has at most 12 sentences about the reasons for the action, the decisive one
	// first. It is empty for a message that is simply accepted.
	Why []string `json:"why"`
	// Hints are likely causes of a failure. They do not influence the decision.
	Hints []Hint `json:"hints"`
	// RedirectTo is the address that gets the message instead of its recipients if
	// Action is Redirect.
	RedirectTo string `json:"redirect_to"`
	// Matched are the rules of the administrator's own that matched, in order.
	Matched []RuleMatch `json:"matched"`
	// Faults name the rules that ended in an error and did not apply.
	Faults []string `json:"faults"`

	// Refused are overrides that nearly applied. Their texts say why they did not.
	Refused []Override `json:"refused_overrides"`

	// Remove are the fields to remove, in the order received.
	Remove []FieldRef `json:"-"`
	// Withdraw are signatures of our own that do not verify any more. They may stay if
	// the MTA lets us delete nothing.
	Withdraw []FieldRef `json:"-"`
	// Change are fields to replace by others of the same name.
	Change []FieldChange `json:"-"`
	// Append are the fields to put below the others: Date and Message-ID.
	Append []message.Field `json:"-"`
	// Insert are the fields to put on top, the last one uppermost.
	Insert []message.Field `json:"-"`
	// Seal is our ARC set, which stands above Insert, the last field uppermost.
	Seal []message.Field `json:"-"`
	// AuthenticationResults is the value of our field; "" if none is written.
	AuthenticationResults string `json:"-"`
}

// Would returns the action that the mode prevented; "" if it prevented none.
func (v Verdict) Would() Action {
	if !v.Monitored || v.Intended == Accept {
		return ""
	}
	return v.Intended
}

// TagText is the text of an override by which a message was delivered with QuarantineField instead
// of being held.
const TagText = "tag"

// Tagged reports whether the message is delivered with QuarantineField instead of being held.
func (v Verdict) Tagged() bool {
	return v.Action == Accept && slices.ContainsFunc(v.Overrides, func(o Override) bool { return o.Reason == ReasonLocalPolicy && o.Text == TagText })
}

// RuleMatch is a match of a rule of the administrator's own.
type RuleMatch struct {
	Rule string `json:"rule"`
	// Action is the rule's action; "" for a rule that only edits.
	Action Action `json:"action"`
	// Monitor is true if the match was only recorded.
	Monitor bool `json:"monitor"`
}

// ResultsField is the name of the field for our results.
const ResultsField = authres.FieldName

// QuarantineField is the name of the field that marks a message which is delivered
// instead of held (quarantine = "tag"). Such a field from outside is removed.
const QuarantineField = "X-Postvet-Quarantine"

// FieldRef refers to one of the fields with a name. Occurrence counts from 1 at the top.
type FieldRef struct {
	Name       string `json:"name"`
	Occurrence int    `json:"occurrence"`
}

// FieldChange replaces the field that it refers to.
type FieldChange struct {
	FieldRef
	Field message.Field
}

// Differs reports whether two verdicts treat a message differently. The names and texts
// of rules do not count.
func (v Verdict) Differs(w Verdict) bool { return v.DiffersInAction(w) || edits(v) != edits(w) }

// DiffersInAction is Differs without the edits of the header, which a journal does not keep.
func (v Verdict) DiffersInAction(w Verdict) bool {
	return v.Action != w.Action || v.Intended != w.Intended || v.Code != w.Code || v.RedirectTo != w.RedirectTo
}

// edits returns a text that identifies the verdict's edits of the header, except for our
// results field.
func edits(v Verdict) string {
	var b strings.Builder
	for _, r := range v.Remove {
		fmt.Fprintf(&b, "-%s %d\n", r.Name, r.Occurrence)
	}
	for _, r := range v.Withdraw {
		fmt.Fprintf(&b, "-%s %d\n", r.Name, r.Occurrence)
	}
	for _, c := range v.Change {
		fmt.Fprintf(&b, "=%s %d %s", c.Name, c.Occurrence, c.Field.Raw)
	}
	for _, f := range v.Append {
		b.WriteString("_" + f.Raw)
	}
	for _, f := range v.Insert {
		if !f.Is(ResultsField) {
			b.WriteString("+" + f.Raw)
		}
	}
	return b.String()
}
