package dmarc

import (
	"cmp"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// MaxOrganizations bounds the identifiers of one message whose Organizational
// Domain is looked up: ten signatures, MAIL FROM, and one more. Further
// identifiers are aligned only if they equal the Author Domain.
const MaxOrganizations = 12

// evaluation is the state of the evaluation of one message.
type evaluation struct {
	*Author
	lookup func(domain string) Organization
	orgs   map[string]*Organization // what lookup returned
}

// Evaluate returns the DMARC result of a message. Its input is the SPF result
// of the MAIL FROM identity and one identifier per DKIM signature.
//
// Evaluate calls organization, which returns what [LookupOrganization] does,
// for identifiers that may be aligned in relaxed mode. Their names are in
// lower-case A-labels. Only names within the author's Organizational Domain
// need it.
//
// The result is TempError if it depends on a record or an alignment that a DNS
// failure makes unknown.
func (a *Author) Evaluate(spf Identifier, dkim []Identifier, organization func(domain string) Organization) Result {
	res := Result{Status: None, AuthorDomain: a.domain, Disposition: PolicyNone, Reason: a.problem}
	if a.problem != "" {
		if a.domain != "" {
			res.Status = PermError
		}
		return res
	}
	res.OrganizationalDomain = a.found.org
	if a.explain {
		res.Walk = &Walk{Domain: a.domain, Method: cmp.Or(a.method, TreeWalk)}
		res.Walk.fill(a.found)
	}
	if !a.govern(&res) {
		return res
	}
	e := &evaluation{Author: a, lookup: organization}
	e.decide(&res, spf, dkim)
	if a.explain {
		res.Identifiers = e.identifiers(spf, dkim)
	}
	return res
}

// organization returns the Organizational Domain of an identifier, or nil after
// too many lookups.
func (e *evaluation) organization(domain string) *Organization {
	o := e.orgs[domain]
	if o == nil && len(e.orgs) < MaxOrganizations {
		if e.orgs == nil {
			e.orgs = make(map[string]*Organization)
		}
		found := e.lookup(domain)
		o = &found
		e.orgs[domain] = o
	}
	return o
}

// alignment is the alignment of an identifier, as far as it is known.
type alignment uint8

const (
	notAligned alignment = iota
	undecided            // a DNS failure makes an Organizational Domain unknown
	aligned
)

// align compares an identifier with the Author Domain (RFC 9989 section 4.4).
// The identifier's own walk determines its Organizational Domain: the author's
// walk may give another one (section 4.10.2).
func (e *evaluation) align(domain string, mode Alignment) alignment {
	switch {
	case domain == "":
		return notAligned
	case domain == e.domain:
		return aligned
	case mode == Strict:
		return notAligned
	case e.found.org == "":
		// Names of different top-level domains never have the same
		// Organizational Domain.
		if lastLabels(domain, 1) != lastLabels(e.domain, 1) {
			return notAligned
		}
		return undecided
	case !message.Below(domain, e.found.org):
		return notAligned
	}
	o := e.organization(domain)
	switch {
	case o == nil:
		return notAligned
	case o.Domain == "":
		return undecided
	case o.Domain == e.found.org:
		return aligned
	}
	return notAligned
}

// decide aligns the identifiers and sets the result (RFC 9989 section 5.3.5).
func (e *evaluation) decide(res *Result, spf Identifier, dkim []Identifier) {
	rec := e.found.record
	passed := e.best("pass", spf, dkim)
	res.SPFAligned = passed.spf == aligned
	res.DKIMAligned = passed.dkim == aligned
	if res.SPFAligned || res.DKIMAligned {
		res.Status = Pass
		res.Reason = passReason(res, spf, passed.signer)
		return
	}
	failed := e.best("temperror", spf, dkim)
	switch {
	case passed.spf == undecided || passed.dkim == undecided:
		res.Status = TempError
		res.Reason = "a DNS failure hides whether a domain that passed is aligned with " + e.domain
	case failed.spf != notAligned:
		res.Status = TempError
		res.Reason = "SPF for " + foreign.Line(spf.Domain, maxCited) + " could not be checked " + cmp.Or(spf.Why, "because of a DNS failure")
	case failed.dkim != notAligned:
		res.Status = TempError
		res.Reason = "a DKIM signature of " + foreign.Line(failed.signer, maxCited) + " could not be checked because of a DNS failure"
	case e.exists == existsUnknown:
		res.Status = TempError
		res.Reason = "a DNS failure hides whether " + e.domain + " exists, on which its policy depends"
	default:
		res.Status, res.Disposition = Fail, res.Policy
		res.Reason = failReason(e.domain, rec, spf, dkim)
	}
}

// alignments are the alignment of SPF, the best alignment of the DKIM
// signatures, and the domain of that signature.
type alignments struct {
	spf, dkim alignment
	signer    string
}

// best aligns the identifiers with one status. It compares names equal to the
// author's first, because the others need no walk then.
func (e *evaluation) best(status string, spf Identifier, dkim []Identifier) (best alignments) {
	rec := e.found.record
	if spf.Status == status {
		best.spf = e.align(normalize(spf.Domain), rec.ASPF)
	}
	for _, id := range dkim {
		if id.Status == status && normalize(id.Domain) == e.domain {
			best.dkim, best.signer = aligned, id.Domain
		}
	}
	for _, id := range dkim {
		if id.Status != status || best.dkim == aligned {
			continue
		}
		if a := e.align(normalize(id.Domain), rec.ADKIM); a > best.dkim {
			best.dkim, best.signer = a, id.Domain
		}
	}
	return best
}
