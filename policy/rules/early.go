package rules

import (
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// RefusesEarly reports whether [Rules.Early] may ever refuse.
func (r *Rules) RefusesEarly() bool { return r.Local.SPFEarly && r.Mode != Monitor }

// Early decides whether a message is refused before it is sent, by what
// policy.Message.Early found. It takes the steps that are marked AtRCPT: what Local
// says about SPF.
//
// Early knows nothing of what comes later: a signature of the same domain, which
// would excuse the client, the administrator's rules, the author and the seals. It
// lets through forwarders that are trusted by address or name, clients for which a
// DNS failure hides whether they are, and messages that may only be monitored.
func (r Rules) Early(res *result.Results) (result.Verdict, bool) {
	if res == nil || !r.RefusesEarly() || res.ExemptUndecided || res.DNS.Degraded && res.DNS.Failed > 0 {
		return result.Verdict{}, false
	}
	if r.Trust.undecidedForwarder(res) != "" || r.mayMonitor(res) {
		return result.Verdict{}, false
	}
	d := decision{results: res, verdict: result.Verdict{Action: result.Accept}}
	for s := range stepEnd {
		if steps[s].AtRCPT {
			r.take(&d, s, s+1)
		}
	}
	v := d.verdict
	if v.Action != result.Reject && v.Action != result.TempFail {
		return result.Verdict{}, false
	}
	v.Intended, v.Text = v.Action, explain.OneLine(v.Text)
	v.Overrides, v.Refused = []result.Override{}, []result.Override{}
	v = explain.Verdict(r.HelpURL, res, v)
	v.Why = append(v.Why, "So it is refused at RCPT, before it is sent, whatever may be in it.")
	return v, true
}

// Replay decides about a message that is played from a file: first at RCPT, by what
// policy.Message.Early found (nil if it was not asked), then by its results.
func (r Rules) Replay(early, res *result.Results) result.Verdict {
	if v, refused := r.Early(early); refused {
		return v
	}
	return r.Decide(res)
}
