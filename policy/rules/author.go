package rules

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// author returns the override for an author domain, and the name that has it: the
// domain itself or the closest name above it.
func (t *Trust) author(domain string, arrived time.Time) (asked dmarc.Policy, key string) {
	if len(t.Authors) == 0 {
		return "", ""
	}
	for name := range message.Ancestry(domain) {
		if o, ok := t.Authors[name]; ok && !ended(o.Until, arrived) {
			return o.Policy, name
		}
	}
	return "", ""
}

// authorOverride applies the administrator's policy for an author domain instead of
// the domain's own. It does not apply to a message that is proven to come from the
// domain. If a DNS failure hides the proof, the message is deferred.
func (r *Rules) authorOverride(d *decision) {
	res, v := d.results, &d.verdict
	asked, key := r.Trust.author(res.Author.Domain, res.Arrived)
	if key == "" || res.DMARC.Status == dmarc.Pass {
		return
	}
	found := cmp.Or(string(res.DMARC.Policy), "no policy")
	if found != "no policy" && len(v.Overrides) > 0 { // policy.dmarc
		found = string(DMARCMark)
	}
	o := result.Override{Reason: result.ReasonLocalPolicy, By: "author_overrides." + key, Text: fmt.Sprintf("%s instead of %s", asked, found)}
	want := r.AuthorAction(asked)
	if want == result.Accept {
		if v.Action != result.Accept && (v.Rule != result.RuleTempError || r.OnTempError != TempErrorDefer) {
			d.override(stepAuthorOverride, o)
		}
		return
	}
	author := foreign.Line(res.Author.Domain, 120)
	switch r.authorProof(res, key) {
	case proven:
	case undecided:
		if v.Action != result.TempFail {
			d.postpone(result.RuleTempError, "DMARC of "+author+" could not be evaluated because of a DNS failure")
			v.Overrides = []result.Override{o}
		}
	default:
		if v.Action == want {
			return // the domain asks for the same
		}
		does := "refuses"
		if want == result.Quarantine {
			does = "holds"
		}
		d.decide(stepAuthorOverride, want, fmt.Sprintf("DMARC: this server %s mail of %s that does not prove to be its own; %s; %s",
			does, author, explain.SPFFound(res), explain.DKIMFound(res)))
		v.Overrides = []result.Override{o}
	}
}

// authorProof returns whether a message is proven to come from its author's domain.
// name is the name that has the override.
func (r *Rules) authorProof(res *result.Results, name string) proof {
	switch res.DMARC.Status {
	case dmarc.Pass:
		return proven
	case dmarc.Fail:
		return unproven
	case dmarc.TempError:
		return undecided
	}
	// Without a DMARC record there is no alignment to go by.
	return authenticated(res, func(domain string) bool { return message.Below(domain, name) })
}
