package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// author returns what is set for an author domain, and for which name: its own,
// or the nearest above it.
func (t Trust) author(domain string) (asked dmarc.Policy, key string) {
	if len(t.Authors) == 0 {
		return "", ""
	}
	for name := range message.Ancestry(domain) {
		if p, ok := t.Authors[name]; ok {
			return p, name
		}
	}
	return "", ""
}

// overrideAuthor puts what the administrator wants for an author's domain in the
// place of what the domain asks for. A message that proves to be of the domain is
// left alone; one of which DNS trouble hides that is never refused for it.
func (r Rules) overrideAuthor(res *result.Results, v result.Verdict) result.Verdict {
	asked, key := r.Trust.author(res.Author.Domain)
	d := res.DMARC
	if key == "" || d.Status == dmarc.Pass {
		return v
	}
	found := string(d.Policy)
	switch {
	case found == "":
		found = "no policy"
	case len(v.Overrides) > 0: // policy.dmarc
		found = string(DMARCMark)
	}
	o := result.Override{Reason: result.ReasonLocalPolicy, By: "author_overrides." + key, Text: fmt.Sprintf("%s instead of %s", asked, found)}
	if asked == dmarc.PolicyNone {
		if v.Action == result.Accept || v.Rule == result.RuleTempError && r.OnTempError == TempErrorDefer {
			return v
		}
		return overridden(v, result.RuleAuthorOverride, o)
	}
	proof := unproven
	switch d.Status {
	case dmarc.Fail:
	case dmarc.TempError:
		proof = hidden
	default: // the domain publishes no policy, so that nothing was aligned
		proof = r.proof(res, func(domain string) bool { return message.Below(domain, key) })
	}
	want := result.Verdict{
		Action: result.Reject, Rule: result.RuleAuthorOverride, Code: "550 5.7.26",
	}
	does := "refuses"
	switch {
	case proof == proven:
		return v
	case proof == hidden:
		want = deferred(v, result.RuleTempError, "DMARC of "+foreign.Line(res.Author.Domain, 120)+" could not be evaluated because of DNS trouble")
	case asked == dmarc.PolicyQuarantine && r.Quarantine != QuarantineReject:
		want.Action, want.Code, does = result.Quarantine, "", "holds"
	}
	if want.Action == v.Action {
		return v // the domain asks for the same
	}
	if proof != hidden {
		want.Text = fmt.Sprintf("DMARC: this server %s mail of %s that does not prove to be its own; %s; %s",
			does, foreign.Line(res.Author.Domain, 120), explain.SPFFound(res), explain.DKIMFound(res))
	}
	want.Overrides = []result.Override{o}
	return want
}

// evidence is whether a message comes from where it says.
type evidence uint8

const (
	unproven evidence = iota
	hidden            // DNS trouble hides it
	proven
)

// proof looks for an authenticated domain that counts: of a signature, or of
// MAIL FROM. What was made on a trusted relay comes from no stranger; of a client
// that is not known SPF might have told more.
func (r Rules) proof(res *result.Results, counts func(domain string) bool) evidence {
	best := signed(res, counts)
	if res.Client.Inside {
		return proven
	}
	if s, ok := res.EnvelopeSPF(); ok && res.Client.Hidden != "" && (res.MailFrom == "" || counts(s.Domain)) {
		return max(best, hidden)
	}
	if s, ok := res.EnvelopeSPF(); ok && s.Domain != "" && counts(s.Domain) {
		switch s.Status {
		case spf.Pass:
			return proven
		case spf.TempError:
			best = max(best, hidden)
		}
	}
	return best
}

// signed looks for a signature of a domain that counts.
func signed(res *result.Results, counts func(domain string) bool) evidence {
	best := unproven
	for _, d := range res.DKIM {
		if d.Domain == "" || !counts(d.Domain) {
			continue
		}
		switch status, _ := res.Counts(d); status {
		case dkim.Pass:
			return proven
		case dkim.TempError:
			best = hidden
		}
	}
	return best
}
