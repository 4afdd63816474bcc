package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// Notes returns the remarks on a story that its results and its verdict do not have. Times
// are in a zone.
func (s *Story) Notes(zone *time.Location) []string {
	return append(s.MessageNotes(), s.RuleNotes(zone)...)
}

// MessageNotes returns the remarks on what happened then.
func (s *Story) MessageNotes() []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	r := s.Row
	if r.Early {
		note("it was refused at RCPT, before it was sent")
	}
	if r.Undelivered {
		note("the MTA left before it had the verdict")
	}
	for _, f := range r.Faults {
		note("fault: %s", foreign.Terminal(f, foreign.Whole))
	}
	if r.ShadowAction != "" {
		note("the shadow policy would %s (rule %s)", r.ShadowAction, foreign.Terminal(r.ShadowRule, foreign.Whole))
	}
	return notes
}

// RuleNotes returns what has become of the rules since then, and what the present ones
// would do.
func (s *Story) RuleNotes(zone *time.Location) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	switch {
	case !s.Since.IsZero() && s.Changed:
		note("the rules of that time were in force since %s; they have changed since then", s.Since.In(zone).Format(time.DateTime))
	case s.Changed:
		note("the rules have changed since then")
	}
	for _, line := range s.Then {
		note("then: %s", line)
	}
	for _, line := range s.Now {
		note("now: %s", line)
	}
	if s.Today != nil {
		same := "the present rules do the same"
		if s.Differs {
			same = fmt.Sprintf("the present rules would %s it (rule %s)", s.Today.Action, s.Today.Rule)
		}
		if len(s.Unknown) > 0 {
			same += ", as far as can be said without " + strings.Join(s.Unknown, " and ")
		}
		note("%s", same)
	}
	return notes
}
