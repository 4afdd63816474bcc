package explain

import "github.com/postvet/postvet/policy/result"

// TraceVerdict returns the events about a decision. They are the last of the message's
// trace.
func TraceVerdict(res *result.Results, v *result.Verdict) []result.Event {
	t := &trace{}
	say := func(format string, args ...any) { t.add("policy", result.CheckPolicy, format, args...) }
	say("the rule %q decides: %s", v.Rule, v.Intended)
	for _, w := range v.Why {
		say("  %s", w)
	}
	for _, m := range v.Matched {
		if m.Action == "" && !m.Monitor {
			say("the rule %q matches and edits the header", m.Rule)
		}
	}
	for _, h := range v.Hints {
		say("hint %s: %s", h.Word, h.Text)
	}
	if v.Code != "" {
		say("the client is told: %s %s", v.Code, v.Text)
	}
	var at float64
	for _, e := range res.Trace {
		at = max(at, e.AtMS)
	}
	for i := range t.events {
		t.events[i].AtMS = at
	}
	return t.events
}
