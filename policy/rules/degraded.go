package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// degraded applies OnDegraded if lookups failed because our resolvers fail. It concerns
// only messages with failed lookups; the cache had the answers for the others. It never
// lets a message be rejected for want of an answer. By default it does not let it pass
// either: what the author's domain asks for may be what could not be looked up.
func (r *Rules) degraded(d *decision) {
	res, v := d.results, &d.verdict
	if !resolversFailed(&res.DNS) {
		return
	}
	what := "DNS is down"
	if !res.DNS.Degraded {
		what = "our resolvers failed"
	}
	o := result.Override{Reason: result.ReasonOther, By: "policy.on_degraded", Text: fmt.Sprintf("%s; lookups without an answer: %d", what, res.DNS.Failed)}
	switch {
	case r.OnDegraded == DegradedAccept:
		if v.Action != result.Accept {
			d.override(stepDegraded, o)
		}
	case v.Action == result.Reject, r.OnDegraded != DegradedJudge && v.Action != result.TempFail && res.DMARC.Status != dmarc.Pass:
		d.postpone(result.RuleDegraded, "The sender could not be checked because DNS is down")
		v.Overrides = append(v.Overrides, o)
	}
}

// resolversFailed reports whether lookups failed because our resolvers fail, altogether
// or for these lookups.
func resolversFailed(c *result.DNSCost) bool {
	return c.ResolverFailed > 0 || c.Degraded && c.Failed > 0
}
