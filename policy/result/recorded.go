package result

import (
	"cmp"
	"slices"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

// Unauthenticated returns why the results that a sealer recorded do not authenticate the
// author, "" if they do. hidden is true if a DNS failure hides whether they do. What was
// recorded is aligned as DMARC aligns it: each domain has its own Organizational Domain
// (RFC 9989 section 4.10.2), and strict alignment is equality.
func (r *Results) Unauthenticated(recorded *arc.Recorded) (why string, hidden bool) {
	author := r.Author.Domain
	aligned := func(domain string, mode dmarc.Alignment) bool {
		if domain == author || mode == dmarc.Strict {
			return domain == author
		}
		o, found := r.Organizations[domain]
		hidden = hidden || found && o.Domain == ""
		return found && o.Domain != "" && o.Domain == r.DMARC.OrganizationalDomain
	}
	signed := func(domain string) bool { return aligned(domain, r.DMARC.ADKIM) }
	switch {
	case recorded == nil:
		return "it recorded nothing", false
	case recorded.Problem != "":
		return "its results: " + foreign.Line(recorded.Problem, 120), false
	case recorded.DMARC == "pass" && recorded.From == author:
		return "", false
	case recorded.DMARC == "pass":
		return "it saw dmarc=pass for " + cmp.Or(recorded.From, "nobody") + " instead of " + author, false
	case recorded.DMARC != "" && recorded.DMARC != "none":
		return "it saw dmarc=" + foreign.Line(recorded.DMARC, 20), false
	case recorded.SPF != "" && aligned(recorded.SPF, r.DMARC.ASPF), slices.ContainsFunc(recorded.DKIM, signed):
		return "", false
	case hidden:
		return "a DNS failure hides whether what it saw is aligned with " + author, true
	}
	return "it saw nothing that authenticated " + author, false
}
