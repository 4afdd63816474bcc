package result

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// RuleMatch is a rule of the admin's own that matched.
type RuleMatch struct {
	Rule string `json:"rule"`
	// Action is the rule's; "" for one that only edits.
	Action Action `json:"action"`
	// Monitor tells that the rule was only noted.
	Monitor bool `json:"monitor"`
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

// ResultsField is the name of the field that our results go into.
const ResultsField = authres.FieldName

// QuarantineField marks a message that was delivered although it should have
// been held (quarantine = "tag"). Nobody outside may write it.
const QuarantineField = "X-Postvet-Quarantine"

// FieldRef names one of several fields of a name; Occurrence counts from 1 at
// the top.
type FieldRef struct {
	Name       string `json:"name"`
	Occurrence int    `json:"occurrence"`
}

// Action is what is to be done with a message.
type Action string

// The actions.
const (
	Accept     Action = "accept"
	Quarantine Action = "quarantine"
	Reject     Action = "reject"
	TempFail   Action = "tempfail"
	// Redirect sends the message to another address instead of its recipients,
	// Discard makes it vanish while the client believes it delivered. Only rules
	// of the admin's own lead to these.
	Redirect Action = "redirect"
	Discard  Action = "discard"
)

// Delivers reports whether a message with this verdict goes on to somebody or
// into a queue, so that its header is ours to edit.
func (a Action) Delivers() bool { return a == Accept || a == Quarantine || a == Redirect }

// Verdict is the decision about one message.
type Verdict struct {
	Action Action `json:"action"`
	// Intended is the action that the rules chose before Mode applied.
	Intended Action `json:"intended"`
	// Code is the SMTP reply and enhanced code, "550 5.7.26"; "" unless the
	// message is refused.
	Code string `json:"code"`
	// Text is the reply's text or the reason of the quarantine: printable ASCII,
	// one line, at most 450 octets. '%' is not doubled.
	Text string `json:"text"`
	// Rule is the name of the rule that decided.
	Rule string `json:"rule"`
	// Overrides name what turned the action away from what the domain asks for,
	// in the order in which they did.
	Overrides []Override `json:"overrides"`
	// Why says in sentences how the action came about, the decisive one first,
	// for every message that is not simply accepted; at most 12.
	Why []string `json:"why"`
	// Hints are likely stories behind a failure. They decided nothing.
	Hints []Hint `json:"hints"`
	// RedirectTo is who gets the message instead of its recipients if Action is
	// Redirect.
	RedirectTo string `json:"redirect_to"`
	// Matched are the rules of the admin's own that matched, in order.
	Matched []RuleMatch `json:"matched"`
	// Faults are the rules that failed and were passed over.
	Faults []string `json:"faults"`

	// Refused are overrides that nearly applied, and why they did not.
	Refused []Override `json:"refused_overrides"`

	// Remove are the fields to take out, in the order received.
	Remove []FieldRef `json:"-"`
	// Insert are the fields to put on top, the last one uppermost.
	Insert []message.Field `json:"-"`
	// AuthenticationResults is the value of our field, "" if none is written.
	AuthenticationResults string `json:"-"`
}
