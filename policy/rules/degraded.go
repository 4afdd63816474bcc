package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// degraded applies OnDegraded while no resolver works. It concerns only messages with
// failed lookups; the cache had the answers for the others. It never lets a message be
// rejected for want of an answer.
func (r *Rules) degraded(d *decision) {
	res, v := d.results, &d.verdict
	if !res.DNS.Degraded || res.DNS.Failed == 0 {
		return
	}
	o := result.Override{Reason: result.ReasonOther, By: "policy.on_degraded", Text: fmt.Sprintf("DNS is down; lookups without an answer: %d", res.DNS.Failed)}
	switch {
	case r.OnDegraded == DegradedAccept:
		if v.Action != result.Accept {
			d.override(stepDegraded, o)
		}
	case v.Action == result.Reject, r.OnDegraded == DegradedDefer && v.Action != result.TempFail && res.DMARC.Status != dmarc.Pass:
		d.postpone(result.RuleDegraded, "The sender could not be checked because DNS is down")
		v.Overrides = append(v.Overrides, o)
	}
}
