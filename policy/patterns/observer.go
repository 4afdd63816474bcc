package patterns

import (
	"github.com/postvet/postvet/policy/failures"
	"github.com/postvet/postvet/policy/result"
)

// Observer tells what is known of earlier mail. It implements policy.Observer.
type Observer struct {
	// Failures is nil if nothing is known of mail that failed.
	Failures *failures.Table
	// Known returns what was learned; nil for nothing. It does not wait.
	Known func() *Known
	// Except reports whether nothing that was learned counts for an author's domain; nil
	// for none.
	Except func(domain string) bool
}

// Observe returns what is known of earlier mail when a message fails, and takes note of it.
func (x *Observer) Observe(res *result.Results, indirect bool) result.Observed {
	var o result.Observed
	if x.Failures != nil {
		o = x.Failures.Observe(res, indirect)
	}
	if x.Known == nil || x.Except != nil && x.Except(res.Author.Domain) {
		return o
	}
	x.Known().Observe(&o, res)
	if x.Failures != nil && !indirect && o.SignsAll.State == result.Present && o.Forwarder.State != result.Present && !signed(res) {
		o.ImpersonatedDomains = x.Failures.Impersonated(res)
	}
	return o
}
