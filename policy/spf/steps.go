package spf

import "github.com/postvet/postvet/policy/foreign"

// maxSteps bounds what is told of one evaluation.
const maxSteps = 200

func (e *evaluation) tellStep(text string) {
	switch {
	case len(e.steps) < maxSteps:
		e.steps = append(e.steps, Step{Depth: e.depth, Text: text})
	case len(e.steps) == maxSteps:
		e.steps = append(e.steps, Step{Text: "further steps are not shown"})
	}
}

// tellRecord tells whose record is evaluated from here.
func (e *evaluation) tellRecord(domain string, rec *Record, bad *verdict) {
	if bad != nil {
		e.tellStep(bad.reason)
		return
	}
	e.tellStep("the record of " + foreign.Word(domain, maxCited) + ": " + foreign.Line(rec.Text, 300))
}

// tellTerm tells what became of a mechanism. Those with a record of their own
// have told that before.
func (e *evaluation) tellTerm(t *Term, matched bool, bad *verdict) {
	text := foreign.Word(t.Text, maxCited)
	switch {
	case bad != nil:
		e.tellStep(text + " ends the evaluation: " + bad.reason)
	case matched && t.Mechanism == "all":
		e.tellStep(text + " matches everything that is left: " + string(t.Status()))
	case matched:
		e.tellStep(text + " matches " + e.ip.String() + ": " + string(t.Status()))
	case t.Network.IsValid() && t.Network.Addr().Is4() != e.ip.Is4():
		e.tellStep(text + " does not match: the client came over " + e.version())
	case t.Mechanism == "include":
		e.tellStep(text + " does not match: " + e.ip.String() + " does not pass there")
	default:
		e.tellStep(text + " does not match")
	}
}

func (e *evaluation) version() string {
	if e.ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
