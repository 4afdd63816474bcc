package rules

import (
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// RefusesEarly reports whether [Rules.Early] may ever refuse.
func (r *Rules) RefusesEarly() bool { return r.Local.SPFEarly && r.Mode != Monitor }

// Early decides whether a message is refused before it is sent, and returns the
// verdict if so. res are the results of policy.Message.Early. Early takes the steps
// that are marked AtRCPT, which are the demands of Local on SPF.
//
// The content of the message is not known yet: its author, its seals, a signature of
// the MAIL FROM domain that would excuse the client, and the facts of the
// administrator's rules. Early does not refuse a message of a trusted forwarder, of a
// client that may be one but for a DNS failure, or one that may only be monitored.
func (r Rules) Early(res *result.Results) (result.Verdict, bool) {
	if res == nil {
		return result.Verdict{}, false
	}
	r.at(res.Arrived)
	if !r.RefusesEarly() || res.ExemptUndecided || resolversFailed(&res.DNS) || res.DNS.HostFailed > 0 {
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
	v.Why = append(v.Why, explain.RefusedEarly)
	return v, true
}

// Replay decides about a stored message as [Rules.Early] and then [Rules.Decide] would.
// early are the results of policy.Message.Early, nil without them.
func (r Rules) Replay(early, res *result.Results) result.Verdict {
	if v, refused := r.Early(early); refused {
		return v
	}
	return r.Decide(res)
}
