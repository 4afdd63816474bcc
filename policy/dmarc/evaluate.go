package dmarc

import (
	"cmp"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// MaxOrganizations bounds how many identifiers of one message have their
// Organizational Domain looked up: ten signatures, MAIL FROM, and one to spare.
// Identifiers beyond it align only if they equal the Author Domain.
const MaxOrganizations = 12

// evaluation decides about one message.
type evaluation struct {
	*Author
	lookup func(domain string) Organization
	orgs   map[string]*Organization // what lookup returned
}

// Evaluate aligns what was authenticated with the author: the SPF result of the
// MAIL FROM identity and one identifier per DKIM signature.
//
// organization is called for identifiers that may be aligned in relaxed mode,
// with names in lower-case A-labels, and returns what [LookupOrganization] does. Only
// names within the author's Organizational Domain need it.
//
// DNS trouble that hides the record, or what would decide whether an identifier
// is aligned, is TempError, unless the message passes without it.
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

// organization returns the Organizational Domain of an identifier, nil if there
// were too many.
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

// alignment is what is known about one identifier.
type alignment uint8

const (
	notAligned alignment = iota
	undecided            // DNS trouble hides an Organizational Domain
	aligned
)

// align compares an identifier with the Author Domain, RFC 9989 section 4.4.
// The identifier's own walk decides its Organizational Domain; the author's
// answer is no substitute for it (section 4.10.2).
func (e *evaluation) align(domain string, mode Alignment) alignment {
	switch {
	case domain == "":
		return notAligned
	case domain == e.domain:
		return aligned
	case mode == Strict:
		return notAligned
	case e.found.org == "":
		// Whatever the two Organizational Domains are, names of different
		// top-level domains do not share one.
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

// decide aligns the identifiers, RFC 9989 section 5.3.5.
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
	hidden := e.best("temperror", spf, dkim)
	switch {
	case passed.spf == undecided || passed.dkim == undecided:
		res.Status = TempError
		res.Reason = "DNS trouble hides whether what passed is aligned with " + e.domain
	case hidden.spf != notAligned:
		res.Status = TempError
		res.Reason = "SPF for " + foreign.Line(spf.Domain, maxCited) + " could not be checked " + cmp.Or(spf.Why, "because of DNS trouble")
	case hidden.dkim != notAligned:
		res.Status = TempError
		res.Reason = "a DKIM signature of " + foreign.Line(hidden.signer, maxCited) + " could not be checked because of DNS trouble"
	case e.exists == existenceHidden:
		res.Status = TempError
		res.Reason = "DNS trouble hides whether " + e.domain + " exists, on which its policy depends"
	default:
		res.Status, res.Disposition = Fail, res.Policy
		res.Reason = failReason(e.domain, rec, spf, dkim)
	}
}

// alignments are that of SPF and the best of all DKIM signatures, with the domain
// of that signature.
type alignments struct {
	spf, dkim alignment
	signer    string
}

// best aligns the identifiers of one status. Names equal to the author's come
// first, as they save the others their walks.
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
