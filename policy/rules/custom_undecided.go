package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// undecidedFacts returns the names of the facts that a DNS failure hides, or a relay
// whose client is not known.
func undecidedFacts(res *result.Results) (facts []string) {
	for _, r := range res.SPF {
		if r.Status != spf.TempError {
			continue
		}
		if r.Identity == spf.MailFrom {
			facts = append(facts, "spf_mailfrom")
		} else {
			facts = append(facts, "spf_helo")
		}
	}
	if r, ok := res.EnvelopeSPF(); ok && r.Status == spf.TempError {
		facts = append(facts, "spf", "spf_aligned") // DMARC itself may have passed by a signature
	}
	if slices.ContainsFunc(res.DKIM, func(r dkim.Result) bool { return r.Status == dkim.TempError }) {
		facts = append(facts, "dkim", "signatures", "signers", "dkim_aligned")
	}
	if res.ARC.Status == arc.TempError {
		facts = append(facts, "arc", "sealers")
	}
	if res.DMARC.Status == dmarc.TempError {
		facts = append(facts, "dmarc", "dmarc_policy", "dmarc_disposition", "dmarc_record", "org", "spf_aligned", "dkim_aligned")
	}
	if res.IPRev.Status == iprev.TempError {
		facts = append(facts, "iprev", "ptr")
	}
	if c := res.Client; c.Hidden != "" && !c.Inside {
		facts = append(facts, "client", "ptr", "helo", "iprev", "spf", "spf_mailfrom", "spf_helo", "spf_domain", "spf_aligned", "dmarc")
	}
	return facts
}

// restsOnUndecided reports whether a rule uses a hidden fact and does not name the
// word temperror. A match then proves nothing.
func (r *Rule) restsOnUndecided(res *result.Results) bool {
	facts := undecidedFacts(res)
	if len(facts) == 0 {
		return false
	}
	rests := false
	for _, t := range r.Tests {
		if t.ExpectsTempError() {
			return false
		}
		rests = rests || slices.ContainsFunc(facts, t.Uses)
	}
	if r.If != nil {
		if r.If.ExpectsTempError() {
			return false
		}
		rests = rests || slices.ContainsFunc(facts, r.If.Uses)
	}
	return rests
}
