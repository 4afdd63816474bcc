package spf

import "github.com/postvet/postvet/policy/foreign"

// maxSteps bounds Result.Steps.
const maxSteps = 200

// addStep adds a step to the explanation.
func (e *evaluation) addStep(text string) {
	switch {
	case len(e.steps) < maxSteps:
		e.steps = append(e.steps, Step{Depth: e.depth, Text: text})
	case len(e.steps) == maxSteps:
		e.steps = append(e.steps, Step{Text: "further steps are not shown"})
	}
}

// addRecordStep adds the step for a record, before those of its terms.
func (e *evaluation) addRecordStep(domain string, rec *Record, bad *verdict) {
	if bad != nil {
		e.addStep(bad.reason)
		return
	}
	e.addStep("the record of " + foreign.Word(domain, maxCited) + ": " + foreign.Line(rec.Text, 300))
}

// addTermStep adds the step for a mechanism. The steps of an included record
// precede that of its include.
func (e *evaluation) addTermStep(t *Term, matched bool, bad *verdict) {
	text := foreign.Word(t.Text, maxCited)
	switch {
	case bad != nil:
		e.addStep(text + " ends the evaluation: " + bad.reason)
	case matched && t.Mechanism == "all":
		e.addStep(text + " matches everything that is left: " + string(t.Status()))
	case matched:
		e.addStep(text + " matches " + e.ip.String() + ": " + string(t.Status()))
	case t.Network.IsValid() && t.Network.Addr().Is4() != e.ip.Is4():
		e.addStep(text + " does not match: the client came over " + e.version())
	case t.Mechanism == "include":
		e.addStep(text + " does not match: " + e.ip.String() + " does not pass there")
	default:
		e.addStep(text + " does not match")
	}
}

// version returns the IP version of the client.
func (e *evaluation) version() string {
	if e.ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
