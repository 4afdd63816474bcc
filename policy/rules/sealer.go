package rules

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// sealState says whether an ARC chain authenticates a message.
type sealState uint8

const (
	sealNone      sealState = iota // there is no chain
	sealTrusted                    // trusted sealers authenticated the author
	sealRefused                    // they did not, and the text says why
	sealUndecided                  // a DNS failure hides whether they did
)

// sealer accepts a message whose author trusted sealers saw authenticated.
func (r *Rules) sealer(d *decision) {
	text, state := r.Trust.sealed(d.results)
	o := result.Override{Reason: result.ReasonLocalPolicy, By: "trust.sealers", Text: text}
	switch state {
	case sealTrusted:
		d.override(stepSealer, o)
	case sealRefused:
		d.refuse(o)
	case sealUndecided:
		if d.verdict.Action == result.Reject {
			d.postpone(result.RuleTempError, explain.HiddenSeal(d.results))
		}
	}
}

// sealed reports whether trusted sealers authenticated a message that fails DMARC (RFC
// 8617 section 7.2.1), and why.
//
// The sealers are taken from the newest down to the first that is not listed, since
// each of them could have written anything into the message and the older sets. The
// results of the oldest of them count, because it saw the message before the others
// changed it. They must be for the present author.
func (t *Trust) sealed(res *result.Results) (text string, state sealState) {
	chain := res.ARC
	n := len(chain.Sealers)
	if t.Sealers.Len() == 0 || chain.Status == arc.None || n == 0 {
		return "", sealNone
	}
	newest := chain.Sealers[n-1]
	if !t.Sealers.Name(newest.Domain) {
		return fmt.Sprintf("sealer %d, %s, is not listed", newest.Instance, foreign.Line(newest.Domain, 120)), sealRefused
	}
	switch {
	case chain.Status == arc.TempError:
		return "arc=temperror: " + foreign.Line(chain.Reason, 200), sealUndecided
	case chain.Status != arc.Pass:
		return "arc=" + string(chain.Status) + ": " + foreign.Line(chain.Reason, 200), sealRefused
	case chain.Partial:
		return "l= of the newest ARC-Message-Signature leaves a part of the body unsigned", sealRefused
	}
	oldest := n - 1
	for oldest > 0 && t.Sealers.Name(chain.Sealers[oldest-1].Domain) {
		oldest--
	}
	sealer := chain.Sealers[oldest]
	if why, hidden := res.Unauthenticated(sealer.Recorded); why != "" {
		if oldest > 0 {
			below := chain.Sealers[oldest-1]
			why += fmt.Sprintf(", and sealer %d, %s, is not listed", below.Instance, foreign.Line(below.Domain, 120))
		}
		state := sealRefused
		if hidden {
			state = sealUndecided
		}
		return fmt.Sprintf("sealer %d, %s: %s", sealer.Instance, foreign.Line(sealer.Domain, 120), why), state
	}
	return chainComment(chain, oldest), sealTrusted
}

// chainComment returns the comment for reports about the trusted sets (RFC 8617
// section 7.2.2).
func chainComment(chain arc.Result, oldest int) string {
	const most = 400
	var b strings.Builder
	b.WriteString("arc=pass")
	for i := len(chain.Sealers) - 1; i >= oldest && b.Len() < most; i-- {
		s := chain.Sealers[i]
		fmt.Fprintf(&b, " as[%d].d=%s as[%d].s=%s", s.Instance, s.Domain, s.Instance, s.Selector)
	}
	if first := chain.Sealers[0]; oldest == 0 && first.Recorded != nil && first.Recorded.RemoteIP != "" {
		b.WriteString(" remote-ip[1]=" + first.Recorded.RemoteIP)
	}
	return foreign.Line(b.String(), most+100)
}
